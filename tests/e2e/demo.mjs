/**
 * Walks through the guide on the demo page as Alice, Bob and Carlos would, in a real browser, and checks what they see.
 *
 *     node tests/e2e/demo.mjs --url http://127.0.0.1:8080 --screenshots target/demo
 *
 * The page and the server behind it have to be running. Prints each step with what was decrypted, saves screenshots
 * (desktop and phone), and ends with status 0, or with 1 and a sentence that says what was not as it should be.
 * Alice works with the keyboard alone and the others with the mouse, so both ways stay usable.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launchBrowser, watchForTrouble } from './support/browser.mjs';
import { startRecordingProxy } from './support/recording-proxy.mjs';

const passphrases = { alice: 'supersecretpassword', bob: 'ein Maß für Geheimnisse', carlos: 'tres tristes tigres' };
const label = 'DeLorean';
/** Field of the template → value. One of them is beyond ASCII, with a character beyond 16 bits. */
const values = { licence_plate: 'NotACatDefsACar', model_make: 'DMC-12 · Δt at 𝟠𝟠 mph ⚡' };
const terms = 'For driving, not for racing.';
/** What Alice writes over it once all have read it. */
const changed = { ...values, licence_plate: 'OUTATIME' };

/** In milliseconds. Making an RSA-4096 key pair takes seconds, and more on a busy machine. */
const patience = Number(process.env.VAULTSHARE_DEMO_PATIENCE || 120_000);

const { url: server, screenshots } = readArguments();
const proxy = await startRecordingProxy(server);
const { url } = proxy;
const browser = await launchBrowser();
try {
  await walkThrough(await openPage(browser));
  console.log(
    'The whole way stands: Bob and Carlos read what Alice wrote and what she changed, and the server held ciphertext only.',
  );
} catch (error) {
  console.error(`The demo failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  await proxy.close();
}

async function walkThrough({ page, trouble }) {
  const at = (testId) => page.getByTestId(testId);
  const tell = (sentence) => {
    console.log(sentence);
    expect(trouble.length === 0, `something went wrong on the page: ${trouble.join('; ')}`);
  };

  try {
    await page.goto(url);
    await at('alice-passphrase')
      .waitFor({ timeout: patience })
      .catch(() => {
        throw new Error(
          `the page at ${server} does not offer “alice-passphrase”; is the package served beside it as pkg/?`,
        );
      });

    await reachWithTab(page, 'step-create-alice');
    await reachWithTab(page, 'guide-go');
    await page.keyboard.press('Enter');
    await expectFocus(page, 'alice-passphrase', 'the guide did not lead to Alice’s passphrase');
    await page.keyboard.type(passphrases.alice);
    await page.keyboard.press('Enter');
    const aliceSecret = await shownAfter(page, 'alice-secret', 'alice-create');
    await appears(page, 'alice-open-item', 'alice-create');
    expect(
      /^1\.[^.]+\.\S+$/.test(aliceSecret),
      `Alice’s secret has an unexpected form (${aliceSecret.length} characters)`,
    );
    tell('1. Alice exists: her keys were made in the browser, her secret was shown to her.');

    await reachWithTab(page, 'alice-open-item');
    await page.keyboard.press('Enter');
    await reachWithTab(page, 'alice-template');
    expect((await at('alice-template').inputValue()) === 'vehicle', 'the template “vehicle” is not offered first');
    await reachWithTab(page, 'alice-item-label');
    await page.keyboard.type(label);
    for (const [name, value] of Object.entries(values)) {
      await at(`alice-slot-${name}`).focus();
      await page.keyboard.insertText(value);
    }
    await reachWithTab(page, 'alice-store');
    await page.keyboard.press('Enter');
    await expectValues(page, 'alice', 'alice-store', (name, value) => tell(`   Alice sees ${name} = ${value}`));
    tell(`2. Alice stored “${label}”, made from the template vehicle.`);

    await at('bob-passphrase').fill(passphrases.bob);
    await at('bob-create').click();
    const bobSecret = await shownAfter(page, 'bob-secret', 'bob-create');
    await appears(page, 'bob-open-item', 'bob-create');
    tell('3. Bob exists, with a session of his own.');

    await at('step-invite').focus();
    await page.keyboard.press('Enter');
    await reachWithTab(page, 'guide-go');
    await page.keyboard.press('Enter');
    await expectFocus(page, 'alice-invite', 'the guide did not lead to Alice’s invitation');
    await page.keyboard.press('Enter');
    const token = await shownAfter(page, 'alice-token', 'alice-invite');
    const mail = await shownAfter(page, 'bob-mail', 'alice-invite');
    expect(mail.includes(token), 'the message to Bob does not have the token');
    tell('4. Alice invited Bob, and he found the message in his inbox.');

    await at('bob-mail-link').click();
    await expectFocus(page, 'bob-accept-name', 'following the link of a message does not ask whom it is from');
    expect((await at('bob-accept-name').inputValue()) === '', 'the sender of a message is taken for somebody');
    expect((await at('bob-connection').count()) === 0, 'following the link of a message accepts the invitation');
    await at('bob-accept-name').fill('Alice');
    await at('bob-accept').click();
    const bobsNumber = await shownAfter(page, 'bob-safety-number', 'bob-accept');
    tell('5. Bob accepted: they are connected.');

    const alicesNumber = await shownAfter(page, 'alice-safety-number', 'bob-accept');
    expect(
      alicesNumber.length > 0 && alicesNumber === bobsNumber,
      `the safety numbers differ: ${alicesNumber} and ${bobsNumber}`,
    );
    await at('alice-compare').focus();
    await page.keyboard.press('Enter');
    await at('bob-match').waitFor();
    tell(`6. Both see the same safety number: ${bobsNumber}`);

    await at('alice-open-share').focus();
    await page.keyboard.press('Enter');
    await at('alice-share-item').selectOption({ label });
    await at('alice-share-terms').focus();
    await page.keyboard.type(terms);
    await reachWithTab(page, 'alice-share-on-sharing');
    await page.keyboard.press('Space');
    await reachWithTab(page, 'alice-share');
    await page.keyboard.press('Enter');
    const termsForBob = await shownAfter(page, 'bob-terms', 'alice-share');
    expect(termsForBob === terms, `Bob should see the terms “${terms}” and sees “${termsForBob}”`);
    expect((await at('bob-read').count()) === 0, 'Bob is offered to read before he accepted the terms');
    tell('7. Alice shared it with Bob, under terms, and lets him share it on.');

    await at('bob-accept-terms').click();
    await (await appears(page, 'bob-read', 'bob-received')).click();
    await expectValues(page, 'bob-received', 'bob-received', (name, value) => tell(`   Bob reads ${name} = ${value}`));
    await expectSender(page, 'bob', 'Alice signed that they shared this, and wrote');
    tell('8. Bob accepted the terms and read the share.');

    await at('carlos-passphrase').fill(passphrases.carlos);
    await at('carlos-create').click();
    const carlosSecret = await shownAfter(page, 'carlos-secret', 'carlos-create');
    await appears(page, 'carlos-open-item', 'carlos-create');
    tell('9. Carlos exists. Alice does not know him.');

    await at('bob-open-invite').click();
    await at('bob-invite-name').fill('Carlos');
    await at('bob-invite-email').fill('');
    await at('bob-invite').click();
    await shownAfter(page, 'bob-token', 'bob-invite');
    await at('bob-hand-over-carlos').click();
    await expectFocus(page, 'carlos-accept', 'handing over the token did not lead to Carlos');
    await at('carlos-accept').click();
    const carlosNumber = await shownAfter(page, 'carlos-safety-number', 'carlos-accept');
    expect(carlosNumber !== bobsNumber, 'two connections show one safety number');
    expect((await at('carlos-match').count()) === 0, 'a safety number counts as compared that nobody compared');
    tell('10. Bob and Carlos are connected.');

    await at('bob-open-share').click();
    await at('bob-share-item').selectOption({ label });
    await at('bob-share-connection').selectOption({ label: 'Carlos' });
    await at('bob-share').click();
    await appears(page, 'carlos-read', 'bob-share');
    tell('11. Bob shared on to Carlos what Alice had shared with him.');

    await at('carlos-read').click();
    await expectValues(page, 'carlos-received', 'carlos-received', (name, value) =>
      tell(`   Carlos reads ${name} = ${value}`),
    );
    await expectSender(page, 'carlos', 'Bob signed that they shared this, and says whose');
    tell('12. Carlos read it.');

    await at('alice-open-change').focus();
    await page.keyboard.press('Enter');
    await at('alice-change-slot').selectOption('licence_plate');
    await reachWithTab(page, 'alice-change-value');
    await page.keyboard.type(changed.licence_plate);
    await page.keyboard.press('Enter');
    await appears(page, 'alice-run-tasks', 'alice-change');
    await expectValues(
      page,
      'alice',
      'alice-change',
      (name, value) => tell(`   Alice sees ${name} = ${value}`),
      changed,
    );
    await expectValues(page, 'bob-received', 'alice-change', () => {});
    tell('13. Alice changed the licence plate. A task waits for her; Bob and Carlos still read the old one.');

    await reachWithTab(page, 'alice-run-tasks');
    await page.keyboard.press('Enter');
    await at('alice-run-tasks').waitFor({ state: 'hidden' });
    for (const [name, id] of [
      ['Bob', 'bob'],
      ['Carlos', 'carlos'],
    ]) {
      await at(`${id}-received-value-licence_plate`).getByText(changed.licence_plate).waitFor();
      await expectValues(
        page,
        `${id}-received`,
        'alice-run-tasks',
        (slot, value) => tell(`   ${name} reads ${slot} = ${value}`),
        changed,
      );
    }
    tell('14. She ran it, and both read the new one.');

    await at('alice-open-file').click();
    await dropPicture(page, 'alice-drop');
    await at('alice-picture').waitFor();
    await at('alice-run-tasks').click();
    for (const [name, id] of [
      ['Bob', 'bob'],
      ['Carlos', 'carlos'],
    ]) {
      await at(`${id}-received-picture`).waitFor();
      const size = await page.evaluate((testId) => {
        const { naturalWidth, naturalHeight } = document.querySelector(`[data-testid=${testId}]`);
        return `${naturalWidth} × ${naturalHeight}`;
      }, `${id}-received-picture`);
      expect(size === '2 × 3', `the picture that ${name} sees has ${size} pixels`);
      tell(`   ${name} sees the picture`);
    }
    tell('15. Alice dropped a picture on it, and both see it.');

    const remember = proxy.answerWith(/\/items\/[^/]+\/shares$/, ({ shares }) => ({
      shares: shares.map(({ grant, ...share }) => share),
    }));
    await changePlate(page, 'EVF-1234');
    await at('alice-run-tasks').click();
    await at('alice-left-out-share').nth(1).waitFor();
    remember();
    await expectValues(page, 'bob-received', 'alice-run-tasks', () => {}, changed);
    const ofBob = at('alice-left-out-share').filter({ hasText: 'was not updated for Bob' });
    expect(
      (await ofBob.locator('code').innerText()) === (await at('alice-fingerprint').textContent()),
      'who was left out is not shown by the key',
    );
    await ofBob.getByTestId('alice-let-in').click();
    for (const id of ['bob', 'carlos']) await at(`${id}-received-value-licence_plate`).getByText('EVF-1234').waitFor();
    expect((await at('alice-left-out-share').count()) === 0, 'somebody is still left out');
    changed.licence_plate = 'EVF-1234';
    tell('16. The server forgot for whom she had sealed it: nobody got a change before she let them have it.');

    const exchangeBack = proxy.answerWith(/\/vault\/items\?/, (list) => ({
      ...list,
      items: list.items.map((item) => ({ ...item, label: 'Exchanged <b>label</b>' })),
    }));
    await at('alice-look').click();
    await at('alice-adopt').waitFor();
    expect((await at('alice-item').locator('b').count()) === 0, 'a label of the server’s became markup');
    exchangeBack();
    await at('alice-look').click();
    await at('alice-adopt').waitFor({ state: 'detached' });
    tell('17. The server exchanged a label, and she saw that it was not hers.');

    const secrets = [aliceSecret, bobSecret, carlosSecret].map((secret) => secret.split('.')[2]);
    await expectOnlyCiphertext(page, [
      ...Object.values(values),
      changed.licence_plate,
      ...Object.values(passphrases),
      ...secrets,
    ]);
    tell('18. The server’s records hold none of these values, only their ciphertext.');
    await takePictures(page, at);

    await at('bob-sign-out').click();
    await at('bob-sign-in-secret').waitFor();
    await expectNowhere(page, [bobSecret, bobSecret.split('.')[2], passphrases.bob]);
    await at('bob-sign-in-secret').fill(bobSecret);
    await at('bob-sign-in-passphrase').fill(passphrases.bob);
    await at('bob-sign-in').click();
    await appears(page, 'bob-read', 'bob-sign-in');
    await at('bob-read').click();
    await expectValues(
      page,
      'bob-received',
      'bob-received',
      (name, value) => tell(`   Bob reads again ${name} = ${value}`),
      changed,
    );
    tell(
      '18. Bob signed out, which left nothing of his secret in the page, came back with secret and passphrase, and read it again.',
    );

    const link = `${url.replace(/\/$/, '')}/#invitation=an-id.a-token`;
    await page.goto('about:blank');
    await page.goto(link);
    await at('bob-returning').getByText('already has a secret').click();
    expect(
      !(await page.evaluate(() => location.href)).includes('a-token'),
      'the token of a link stays in the address bar',
    );
    await at('bob-sign-in-secret').fill(bobSecret);
    await at('bob-sign-in-passphrase').fill(passphrases.bob);
    await at('bob-sign-in').click();
    await appears(page, 'bob-accept-token', 'bob-sign-in');
    expect((await at('bob-accept-token').inputValue()) === link, 'the link of a message is not ready to be accepted');
    expect((await at('bob-accept-name').inputValue()) === '', 'the sender of a message is taken for somebody');
    await at('bob-sign-out').click();
    await at('bob-sign-in-secret').waitFor();
    await expectNowhere(page, [bobSecret, bobSecret.split('.')[2], passphrases.bob]);
    tell('19. The link of a message, opened in a new page, waits there for whoever signs in.');
  } catch (error) {
    await page.screenshot({ path: join(screenshots, 'failed.png'), fullPage: true }).catch(() => {});
    if (trouble.length > 0) error.message += `\nOn the page: ${trouble.join('; ')}`;
    throw error;
  }
}

async function changePlate(page, value) {
  await page.getByTestId('alice-open-change').click();
  await page.getByTestId('alice-change-slot').selectOption('licence_plate');
  await page.getByTestId('alice-change-value').fill(value);
  await page.getByTestId('alice-change').click();
  await appears(page, 'alice-run-tasks', 'alice-change');
}

/** In no element, shown or not, and in no form. */
/** As dragged from the desktop: a picture of 2 × 3 pixels. */
async function dropPicture(page, testId) {
  await page.evaluate(async (id) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 2, height: 3 });
    canvas.getContext('2d').fillRect(0, 0, 1, 2);
    const blob = await new Promise((resolve) => {
      canvas.toBlob(resolve, 'image/png');
    });
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([blob], 'a picture.png', { type: blob.type }));
    const drop = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true });
    document.querySelector(`[data-testid=${id}]`).dispatchEvent(drop);
  }, testId);
}

async function expectNowhere(page, secrets) {
  const everything = await page.evaluate(() =>
    [
      document.documentElement.outerHTML,
      ...Array.from(document.querySelectorAll('input, textarea, select'), ({ value }) => value),
    ].join('\n'),
  );
  for (const secret of secrets) expect(!everything.includes(secret), 'a secret stays in the page after signing out');
}

async function openPage(browser) {
  await mkdir(screenshots, { recursive: true });
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 }, reducedMotion: 'reduce' });
  page.setDefaultTimeout(patience);
  return { page, trouble: await watchForTrouble(page) };
}

/** Moves the focus as a person without a mouse does; a control that Tab never reaches is a failure. */
async function reachWithTab(page, testId) {
  for (let presses = 0; presses < 120; presses += 1) {
    if (await focusIsOn(page, testId)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keyboard does not reach “${testId}”`);
}

async function expectFocus(page, testId, sentence) {
  await page
    .waitForFunction((id) => document.activeElement?.dataset.testid === id, testId, { timeout: 5_000 })
    .catch(() => {
      throw new Error(sentence);
    });
}

function focusIsOn(page, testId) {
  return page.evaluate((id) => document.activeElement?.dataset.testid === id, testId);
}

/** Waits for an element, or for the error that the form `working` shows instead of it. */
async function appears(page, testId, working) {
  const wanted = page.getByTestId(testId).first();
  const failure = page.getByTestId(`${working}-error`).first();
  await wanted.or(failure).filter({ visible: true }).first().waitFor({ timeout: patience });
  if (!(await wanted.isVisible())) throw new Error(`“${working}” ended with: ${await failure.innerText()}`);
  return wanted;
}

async function shownAfter(page, testId, working) {
  return (await (await appears(page, testId, working)).innerText()).trim();
}

async function expectValues(page, prefix, working, tellOne, expected = values) {
  for (const [name, value] of Object.entries(expected)) {
    const seen = await shownAfter(page, `${prefix}-value-${name}`, working);
    expect(seen === value, `${name} should read “${value}” and reads “${seen}”`);
    tellOne(name, seen);
  }
}

async function expectSender(page, id, words) {
  const seen = await shownAfter(page, `${id}-received-sender`, `${id}-received`);
  expect(seen.startsWith(words), `it should say “${words}…” and says “${seen}”`);
}

/** The last pane shows the server's answers whole, also what is folded away. */
async function expectOnlyCiphertext(page, plaintexts) {
  const records = page.getByTestId('server-records');
  const everything = await records.evaluate((pane) => pane.textContent);
  for (const plaintext of plaintexts) {
    expect(!everything.includes(plaintext), 'the server’s records contain a plaintext');
  }
  const sealed = records.locator('.record[data-slot-name="licence_plate"] [data-field="encrypted_value"]');
  expect(
    (await sealed.count()) >= 3,
    'the server pane does not show the licence plate of Alice, Bob and Carlos as ciphertext',
  );
  for (const text of await sealed.allInnerTexts()) {
    expect(text.startsWith('Aes256Gcm.'), `what the server holds is no ciphertext: ${text.slice(0, 20)}…`);
  }
}

async function takePictures(page, at) {
  await at('bob-received-ciphertext-licence_plate').focus();
  await page.evaluate(() => scrollTo(0, 0)); // So that the last pane, which follows the reader, stands at the top.
  await page.screenshot({ path: join(screenshots, 'desktop.png'), fullPage: true });
  // W3C WebDriver cannot ask for dark colours.
  if (page.emulateMedia) {
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: join(screenshots, 'desktop-dark.png'), fullPage: true });
    await page.emulateMedia({ colorScheme: 'light' });
  }
  await page.setViewportSize({ width: 360, height: 780 });
  const unnamed = await page.evaluate(() =>
    [...document.querySelectorAll('input, select, textarea')]
      .filter((control) => control.labels.length === 0)
      .map(({ id }) => id),
  );
  expect(unnamed.length === 0, `these controls have no label: ${unnamed.join(', ')}`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overflow <= 0, `at phone width the page is ${overflow} pixels too wide`);
  await page.screenshot({ path: join(screenshots, 'phone.png'), fullPage: true });
  await page.setViewportSize({ width: 1440, height: 1000 });
}

function expect(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

function readArguments() {
  const { values: given } = parseArgs({
    options: { url: { type: 'string' }, screenshots: { type: 'string', default: 'target/demo' } },
  });
  if (!given.url) {
    console.error('Say where the demo runs: node tests/e2e/demo.mjs --url http://127.0.0.1:PORT --screenshots DIR');
    process.exit(1);
  }
  return given;
}
