// Draws a picture small.

/** A picture is scaled in two steps: the browser scales well on the page's own thread, and only what is this much larger. */
const ROUGHLY = 4;

/**
 * The picture of a file, in at most `side` by `side` pixels and of this type; undefined where it is none that the platform
 * reads, or the platform draws nothing outside of a document. Browsers decode and encode on threads of their own, so that no
 * worker is needed, which not every page may start.
 */
export async function thumbnailOf(file, side, type) {
  const { createImageBitmap, OffscreenCanvas } = globalThis;
  if (createImageBitmap === undefined || OffscreenCanvas === undefined) return undefined;
  const drawn = [];
  const draw = async (source, options) => {
    drawn.push(await createImageBitmap(source, options));
    return drawn.at(-1);
  };
  try {
    const whole = await draw(file);
    const within = (length, resizeQuality) => {
      const scale = Math.min(1, length / Math.max(whole.width, whole.height));
      const [resizeWidth, resizeHeight] = [whole.width, whole.height].map((of) => Math.max(1, Math.round(of * scale)));
      return { resizeWidth, resizeHeight, resizeQuality };
    };
    const fine = within(side, 'medium');
    const small = await draw(await draw(file, within(ROUGHLY * side, 'low')), fine);
    const canvas = new OffscreenCanvas(fine.resizeWidth, fine.resizeHeight);
    canvas.getContext('bitmaprenderer').transferFromImageBitmap(small);
    const blob = await canvas.convertToBlob({ type, quality: 0.8 });
    return blob.type === type ? new Uint8Array(await blob.arrayBuffer()) : undefined;
  } catch {
    return undefined;
  } finally {
    for (const bitmap of drawn) bitmap.close();
  }
}
