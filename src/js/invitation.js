/**
 * An invitation with `link(base)`: the address of a page with the code behind it, where no server sees it.
 * The method is not enumerable, so that copying and JSON see the data alone.
 *
 * @param {{ code: string }} invitation
 */
export function withLink(invitation) {
  return Object.defineProperty(invitation, 'link', {
    value: (base) => `${String(base).split('#')[0]}#vs1=${invitation.code}`,
  });
}
