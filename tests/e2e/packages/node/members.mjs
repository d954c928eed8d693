// The methods and properties that each class of the compiled code has, by class.
const bindings = await import(new URL('./node_modules/vaultshare/vaultshare_bg.js', import.meta.url));
const members = (object) => Object.getOwnPropertyNames(object).filter((name) => !name.startsWith('__'));
const usual = ['constructor', 'free', 'length', 'name', 'prototype'];
const classes = {};
for (const [name, exported] of Object.entries(bindings)) {
  if (!exported.prototype || name.startsWith('__')) continue;
  if (!/^class\b/.test(Function.prototype.toString.call(exported))) continue;
  classes[name] = [...members(exported), ...members(exported.prototype)].filter((member) => !usual.includes(member)).sort();
}
console.log(JSON.stringify(classes));
