/**
 * One record of the server as it answered it: what matters first, ciphertext set apart from what it can read, and
 * every other field one click away. Nothing is left out and nothing is decoded.
 */
import { element } from './dom.js';

/** Per kind: a caption in plain words, and the fields that tell the story. */
const kinds = {
  item: {
    caption: 'An item’s label and template: readable to the server.',
    first: ['label', 'item_template_label', 'owner_id', 'share_id'],
  },
  slot: {
    caption: 'A field of an item: its name is readable, its value is not.',
    first: ['label', 'encrypted_value', 'encrypted_value_verification_key', 'value_verification_hash'],
  },
  share: {
    caption: 'Who shares what with whom. Its key is sealed for the recipient.',
    first: ['sender_id', 'recipient_id', 'encrypted_dek', 'terms', 'acceptance_required'],
  },
  connection: { caption: 'Who is connected. The name given to the other is sealed.', first: ['own', 'the_other_user'] },
  invitation: {
    caption: 'A token and a public key, waiting for someone to accept.',
    first: ['state', 'encrypted_recipient_name'],
  },
  'key pair': {
    caption: 'The public half in the open, the private half wrapped.',
    first: ['encrypted_serialized_key', 'public_key'],
  },
  'key-encryption key': {
    caption: 'Wrapped by a key made from secret and passphrase.',
    first: ['serialized_key_encryption_key'],
  },
  'data-encryption key': { caption: 'Wrapped by the key-encryption key.', first: ['serialized_data_encryption_key'] },
};

/** The order in which the pane shows them: what people wrote first, the keys below. */
export const kindsInOrder = Object.keys(kinds);

const looksSealed = /^(Aes256Gcm|Rsa\d+)\.[\w-]*=*\.[\w-]+=*/;

export function recordView({ kind, id, fields, toldTo }) {
  const { caption, first } = kinds[kind];
  const shown = first.filter((name) => fields[name] !== undefined && fields[name] !== null);
  const title = fields.label ?? fields.name ?? '';
  const view = element(
    'article',
    { class: 'record', 'data-kind': kind, 'data-testid': `server-${kind.replaceAll(' ', '-')}` },
    element(
      'h4',
      {},
      kind,
      title && [' ', element('span', { class: 'record-title' }, title)],
      ' ',
      element('small', {}, `answered to ${toldTo}`),
    ),
    element('p', { class: 'caption' }, caption),
    element(
      'dl',
      { class: 'fields' },
      shown.map((name) => fieldView(name, fields[name])),
    ),
    element(
      'details',
      {},
      element('summary', {}, `The whole record (${Object.keys(fields).length} fields)`),
      element('pre', { tabindex: '0', 'aria-label': `The ${kind} as JSON` }, JSON.stringify(fields, null, 2)),
    ),
  );
  if (kind === 'slot') {
    view.dataset.slot = id;
    view.dataset.slotName = fields.name;
  }
  return view;
}

function fieldView(name, value) {
  if (typeof value === 'object') {
    const inner = Object.entries(value).filter(([, part]) => typeof part === 'string' && part !== '');
    return element(
      'div',
      { class: 'field-row nested' },
      element('dt', {}, name),
      element(
        'dd',
        {},
        element(
          'dl',
          { class: 'fields' },
          inner.map(([partName, part]) => fieldView(partName, part)),
        ),
      ),
    );
  }
  const sealed = typeof value === 'string' && looksSealed.test(value);
  return element(
    'div',
    { class: 'field-row' },
    element('dt', {}, name),
    element('dd', { class: sealed ? 'sealed-field' : 'open-field', 'data-field': name }, String(value)),
  );
}
