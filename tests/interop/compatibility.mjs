// What docs/compatibility.md is to say about each client: for every step the tests that show it, or why there is none.

const ofSdk = 'the SDK of 2020';
const crossing = 'the SDK of 2020 and ours';
const generated = (vault, keystore) => `@meeco/vault-api-sdk ${vault} with @meeco/keystore-api-sdk ${keystore}`;
const ofSpaces = (vault, cryppo) => `${generated(vault, '0.13.0')} and @meeco/cryppo ${cryppo}`;

const filesOf = (vault) => `files of @meeco/vault-api-sdk ${vault} and ours`;

const noWorkflows = 'shown with jsrp and @meeco/cryppo, which stand beside it for all cryptography: see Libraries';
const laterProtocol = 'came with the protocol after this one';
const inItsSdk = 'not part of the story that is told with it';

export const steps = [
  'signs up and in',
  'keeps keys',
  'uses templates and classifications',
  'keeps items and slots',
  'keeps files and thumbnails',
  'invites and connects',
  'shares under terms',
  'shares on',
  'brings a change to everyone',
  'puts what it received under the own key',
  'ends what it began',
  'signs into an account of ours',
  'we sign into an account of its',
  'shares with ours and reads what ours share',
  'shares files with ours and reads those that ours share',
  'shares in an encryption space',
];

const typed = (vault, keystore, { remarks } = {}) => {
  const suite = generated(vault, keystore);
  const one = (test) => [[suite, test]];
  const ofFiles = (...tests) => tests.map((test) => [filesOf(vault), test]);
  return {
    client: `${suite} (and @meeco/cryppo 2.0.2)`,
    outcomes: [
      one('registers and signs in'),
      one('keeps keys'),
      one('lists and makes templates and classifications'),
      one('makes, changes and deletes items and slots'),
      ofFiles(
        'keeps thumbnails, one of each size',
        'lists, shows and deletes files, and leaves no call for them untried',
      ),
      one('invites and connects'),
      one('shares under terms, which are accepted before anything is read'),
      one('shares on'),
      one('brings a change to everyone by the client task that it leaves'),
      one('puts what was received under the own key'),
      [...one('ends shares, connections, sessions and accounts'), ...one('leaves no call untried without a reason')],
      noWorkflows,
      noWorkflows,
      noWorkflows,
      ofFiles(
        'sends files in blocks and whole, and ours read them once they are shared',
        'reads files of ours, in blocks, once they are shared and until they are not',
      ),
      'no longer part of these versions',
    ],
    remarks,
  };
};

const spaces = (vault, cryppo, reading) => {
  const suite = ofSpaces(vault, cryppo);
  const connects = [[suite, 'connects two users, who share in both directions under one key']];
  return {
    client: suite,
    outcomes: [
      connects,
      connects,
      inItsSdk,
      connects,
      inItsSdk,
      connects,
      laterProtocol,
      laterProtocol,
      laterProtocol,
      laterProtocol,
      inItsSdk,
      noWorkflows,
      noWorkflows,
      reading ?? [
        [suite, 'shares with one of ours, who shares back once the key is accepted'],
        [suite, 'claims the key that one of ours made, and shares back'],
      ],
      inItsSdk,
      connects,
    ],
    remarks: [
      "It signs no key. Ours share under one that it made after its user's key was accepted: `acceptUnproven` with the fingerprint.",
    ],
  };
};

export const clients = [
  {
    client: '@meeco/sdk 0.0.13-alpha, unmodified (@meeco/cryppo 0.9.0, jsrp 0.2.4)',
    outcomes: [
      [
        [ofSdk, 'makes users'],
        [ofSdk, 'signs in again and finds the same keys'],
      ],
      [[ofSdk, 'signs in again and finds the same keys']],
      [[ofSdk, 'makes an item from a template and reads it']],
      [[ofSdk, 'makes an item from a template and reads it']],
      [
        [ofSdk, 'attaches a picture, and reads it and the thumbnail that it makes'],
        [ofSdk, 'has azure-block-upload 0.3.0 send blocks, several at once, and makes an attachment of them'],
      ],
      [
        [ofSdk, 'connects two users'],
        [crossing, 'connect, whoever invites'],
      ],
      [
        [ofSdk, 'shares an item under terms, which hide it until they are accepted'],
        [ofSdk, 'accepts the terms and reads what was shared'],
      ],
      [
        [
          crossing,
          'share from ours to theirs under terms, on to ours, and ours bring a change to both once theirs are let in',
        ],
      ],
      [
        [ofSdk, 'updates the item, runs the task that this leaves, and the recipient reads the new value'],
        [crossing, 'share from theirs to ours under terms, on to theirs, and theirs bring a change to both'],
      ],
      'it never calls for that',
      [
        [ofSdk, 'deletes the share, which is then gone for its recipient'],
        [ofSdk, 'signs out, and its tokens are worth nothing then'],
      ],
      [[ofSdk, 'signs into an account that ours made and reads its item']],
      [[ofSdk, 'made an account that ours signs into and reads the same with']],
      [
        [crossing, 'share from theirs to ours under terms, on to theirs, and theirs bring a change to both'],
        [
          crossing,
          'share from ours to theirs under terms, on to ours, and ours bring a change to both once theirs are let in',
        ],
        [crossing, 'read shares on after a connection has ended, unless whoever ended it ended them too'],
        [
          crossing,
          'agree about ASCII; of Latin-1 ours read what theirs write; of what is beyond theirs keep the low byte',
        ],
      ],
      'it reads no file in blocks, as which ours write them; its own are under the key of its user, which no slot has for ours',
      'no longer part of it',
    ],
    remarks: [
      'It signs no on-share. What it shares on of an item of ours gets later changes after the owner has let it in once: `shares.refresh` with `include`.',
      'Values of ours beyond ASCII it cannot read: it takes UTF-8 for single bytes, and says that their proof does not fit.',
    ],
  },
  typed('0.19.1-beta.7', '0.14.1-beta.3', {
    remarks: [
      'Of its time are packages that take the value of a slot for the 32 bytes of the key of a file. Ours write the key as text, as clients from 2021 on do; with the text decoded, it reads files of ours.',
    ],
  }),
  typed('22.0.0', '10.1.1-develop'),
  typed('39.6.1-develop', '10.1.1-develop'),
  spaces(
    '0.9.1',
    '0.3.4',
    'ours read what it shares; it reads none of ours, as it knows parameters in YAML only, which ours read and never write',
  ),
  spaces('0.10.0', '0.9.0'),
];

/** Libraries, by the files whose tests are about them. */
export const libraries = [
  ['@meeco/cryppo 0.9.0 and 2.0.2: values, bytes and wrapped keys', 'symmetric.test.mjs'],
  ['@meeco/cryppo 0.9.0 and 2.0.2: key pairs, and signatures', 'key-pairs.test.mjs'],
  ['@meeco/cryppo 0.9.0 and 2.0.2: passphrases', 'passphrases.test.mjs'],
  ['@meeco/cryppo 0.9.0 and 2.0.2: proofs of values', 'verification.test.mjs'],
  ['jsrp 0.2.4: our client against its server half', 'srp.test.mjs'],
  ['jsrp 0.2.4 and @meeco/cryppo 2.0.2: accounts on our server', 'server.test.mjs'],
  ['@meeco/vault-api-sdk 0.19.1 to 39.6.1, @meeco/cryppo 0.9.0 and 2.0.2, axios 0.27.2: files', 'files.test.mjs'],
  ['smtp-server 3.21.6: invitations by e-mail', 'mail.test.mjs'],
  ['schemathesis 4.32.5: our server against its OpenAPI documents', 'schemathesis.test.mjs'],
];
