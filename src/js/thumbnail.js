// Draws a picture small.

/**
 * The picture of a file, in at most `side` by `side` pixels and of this type; undefined where it is none that the platform
 * reads, or the platform draws nothing outside of a document. Browsers decode, scale and encode on threads of their own, so
 * that no worker is needed, which not every page may start.
 */
export async function thumbnailOf(file, side, type) {
  const { createImageBitmap, OffscreenCanvas } = globalThis;
  if (createImageBitmap === undefined || OffscreenCanvas === undefined) return undefined;
  let drawn;
  try {
    const whole = await createImageBitmap(file);
    const scale = Math.min(1, side / Math.max(whole.width, whole.height));
    const [resizeWidth, resizeHeight] = [whole.width, whole.height].map((length) =>
      Math.max(1, Math.round(length * scale)),
    );
    whole.close();
    // Of the file and not of what was decoded, which would be scaled by the page's own thread.
    drawn = await createImageBitmap(file, { resizeWidth, resizeHeight, resizeQuality: 'medium' });
    const canvas = new OffscreenCanvas(resizeWidth, resizeHeight);
    canvas.getContext('bitmaprenderer').transferFromImageBitmap(drawn);
    const blob = await canvas.convertToBlob({ type, quality: 0.8 });
    return blob.type === type ? new Uint8Array(await blob.arrayBuffer()) : undefined;
  } catch {
    return undefined;
  } finally {
    drawn?.close();
  }
}
