// The methods and properties of everything that the package hands out, by the name that its type has in index.d.ts.
// Takes the server's URL.
import init, * as vaultshare from 'vaultshare';

await init();
const [url] = process.argv.slice(2);
const client = new vaultshare.VaultClient({
  vaultUrl: `${url}/vault`,
  keystoreUrl: `${url}/keystore`,
  prepareKeyPairs: false,
});
const session = await client.createUser('supersecretpassword');

const usual = ['constructor', 'free', 'length', 'name', 'prototype'];
const membersOf = (...objects) => {
  const names = objects.flatMap((object) => Object.getOwnPropertyNames(object));
  return names.filter((name) => !name.startsWith('__') && !usual.includes(name)).sort();
};
const members = {};
for (const name of ['VaultClient', 'SymmetricKey', 'KeyPair', 'PublicKey']) {
  members[name] = membersOf(vaultshare[name], vaultshare[name].prototype);
}
members.Session = membersOf(vaultshare.Session.prototype);
for (const name of members.Session) {
  const part = session[name];
  if (typeof part !== 'object') continue;
  const type = name === 'tasks' ? 'ClientTasks' : name[0].toUpperCase() + name.slice(1);
  members[type] = membersOf(Object.getPrototypeOf(part));
}
session.close();
console.log(JSON.stringify(members));
