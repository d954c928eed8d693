/** What is told of a number of times: the middle one, and between which the middle half lies. */

export const median = (times) => quantile(times, 0.5);

/** The quartiles. */
export const spread = (times) => [quantile(times, 0.25), quantile(times, 0.75)];

/** Between two times it is on the way from one to the other. */
function quantile(times, part) {
  const sorted = [...times].sort((one, other) => one - other);
  const place = (sorted.length - 1) * part;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}
