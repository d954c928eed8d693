/** Looks into the memory of the WebAssembly module in a page: all of it, as any code on the page could. */

/** Keeps hold of every module's memory. Has to be in place before the package is loaded. */
export function captureMemory(page) {
  return page.addInitScript(() => {
    globalThis.capturedMemories = new Set();
    const note = (instance) => {
      for (const exported of Object.values(instance.exports)) {
        if (exported instanceof WebAssembly.Memory) globalThis.capturedMemories.add(exported);
      }
    };
    for (const name of ['instantiate', 'instantiateStreaming']) {
      const original = WebAssembly[name];
      WebAssembly[name] = async (...given) => {
        const result = await original.apply(WebAssembly, given);
        // A compiled module gives the instance alone, source bytes give both.
        note(result instanceof WebAssembly.Instance ? result : result.instance);
        return result;
      };
    }
    WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
      construct(target, given) {
        const instance = new target(...given);
        note(instance);
        return instance;
      },
    });
  });
}

/**
 * @param {{ name: string, bytes: Buffer }[]} secrets
 * @returns {Promise<{ scanned: number, found: string[] }>} how many bytes were looked at, and the names of what is there
 */
export function scanMemory(page, secrets) {
  const needles = secrets.map(({ name, bytes }) => ({ name, bytes: [...bytes] }));
  return page.evaluate((wanted) => {
    const contains = (heap, needle) => {
      for (let at = heap.indexOf(needle[0]); at !== -1; at = heap.indexOf(needle[0], at + 1)) {
        let matching = 1;
        while (matching < needle.length && heap[at + matching] === needle[matching]) matching += 1;
        if (matching === needle.length) return true;
      }
      return false;
    };
    const heaps = [...globalThis.capturedMemories].map((memory) => new Uint8Array(memory.buffer));
    return {
      scanned: heaps.reduce((sum, heap) => sum + heap.length, 0),
      found: wanted.filter(({ bytes }) => heaps.some((heap) => contains(heap, bytes))).map(({ name }) => name),
    };
  }, needles);
}
