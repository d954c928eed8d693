// What rendering a page on a server does: imports the package and never starts it. Everything that could be reached
// for on import is watched; nothing may be.
const reached = [];
const watch = (holder, name) => {
  const original = holder[name];
  holder[name] = (...given) => {
    reached.push(name);
    return original.apply(holder, given);
  };
};
watch(globalThis, 'fetch');
for (const name of ['compile', 'compileStreaming', 'instantiate', 'instantiateStreaming']) watch(WebAssembly, name);
const globalsBefore = Object.getOwnPropertyNames(globalThis).length;

const exported = Object.keys(await import('vaultshare')).sort();
await new Promise((resolve) => {
  setTimeout(resolve, 50);
});

const globalsAdded = Object.getOwnPropertyNames(globalThis).length - globalsBefore;
console.log(JSON.stringify({ exported, reached, globalsAdded }));
