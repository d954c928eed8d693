/** The files of an item: pictures are shown, others can be saved. Each is decrypted here, from what the server holds. */
import { element, field } from '../dom.js';
import { outcome, perform, showError } from '../task.js';

/** The files of an item, own or received; null where it has none. */
export function fileList(item, { person, id }) {
  if (!item.slots.some(({ attachmentId }) => attachmentId)) return null;
  const list = element('div', { class: 'files', 'data-testid': `${id}-files` });
  const shown = outcome(`${id}-files`);
  const show = async () => {
    for (const attachment of await person.filesOf(item.id)) list.append(await fileView(attachment, id));
  };
  show().catch((error) => showError(shown.error, error));
  return element('div', {}, list, shown.view);
}

/** A picture where it is one that a page shows without running anything of it; what the server calls it counts for nothing. */
async function fileView(attachment, id) {
  const save = element(
    'button',
    {
      type: 'button',
      class: 'quiet',
      on: {
        click: async () => {
          const url = URL.createObjectURL(await attachment.blob());
          element('a', { href: url, download: attachment.name }).click();
          URL.revokeObjectURL(url);
        },
      },
    },
    `Save ${attachment.name}`,
  );
  if (!attachment.type.startsWith('image/')) return save;
  const url = URL.createObjectURL(await attachment.blob());
  // Shown, it needs no address any more, and nobody who has the page open afterwards finds it there.
  const forget = () => URL.revokeObjectURL(url);
  const picture = element('img', {
    src: url,
    alt: attachment.label || attachment.name,
    'data-testid': `${id}-picture`,
    on: { load: forget, error: forget },
  });
  return element('figure', {}, picture, element('figcaption', {}, save));
}

/** Takes a file that is dropped on it, or chosen. */
export function attachForm(item, { person, world, id }) {
  const chosen = element('input', { type: 'file', 'data-testid': `${id}-file` });
  const shown = outcome(`${id}-attach`);
  const view = element(
    'div',
    { class: 'drop', 'data-testid': `${id}-drop` },
    field('Add a picture or another file', chosen, 'Or drop it here. The server can read its name.'),
    shown.view,
  );
  const attach = async (file) => {
    await perform(
      {
        button: chosen,
        shown,
        working: `Sealing ${file.name}…`,
        done: () => `${file.name} is in the vault. The server stored ciphertext.`,
      },
      (options) => person.attach(item.id, file, options),
    );
    await world.newsFrom(person).catch(() => {});
  };
  chosen.addEventListener('change', () => {
    if (chosen.files.length > 0) attach(chosen.files[0]);
  });
  view.addEventListener('dragover', (event) => event.preventDefault());
  view.addEventListener('drop', (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) attach(file);
  });
  return view;
}
