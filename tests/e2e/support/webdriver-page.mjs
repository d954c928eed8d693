/**
 * A page in any engine, with that part of Playwright's page which the tests for all engines use. Playwright itself drives
 * builds of Firefox and WebKit that it patches; W3C WebDriver drives those that people have.
 */
import { writeFile } from 'node:fs/promises';
import { error as errors, Key, Select } from 'selenium-webdriver';
import { startEngine } from './engines.mjs';

/** How often a page is looked at that is not as it should be yet, in milliseconds. */
const interval = 50;

/** While a page works its elements come, move, are covered and go: it may be otherwise the next time. */
const passing = [
  errors.ElementClickInterceptedError,
  errors.ElementNotInteractableError,
  errors.InvalidElementStateError,
  errors.NoSuchElementError,
  errors.StaleElementReferenceError,
];

class NotYet extends Error {}

const keys = { Tab: Key.TAB, Enter: Key.ENTER, Space: Key.SPACE };

/** @returns a browser whose pages have nothing in common */
export function browserOf(engine) {
  const pages = new Set();
  return {
    async newPage({ viewport = { width: 1280, height: 720 } } = {}) {
      const page = new Page(await startEngine(engine));
      pages.add(page);
      await page.setViewportSize(viewport);
      return page;
    },
    async close() {
      for (const page of pages) await page.close();
    },
  };
}

class Page {
  #session;
  #driver;
  #timeout = 30_000;
  #closed = false;

  constructor(session) {
    this.#session = session;
    this.#driver = session.driver;
    /** Grows as things go wrong on the page. */
    this.trouble = session.trouble;
    this.keyboard = {
      press: (key) => this.#type(keys[key] ?? key),
      type: (text) => this.#type(text),
      /** As an input method does, which WebDriver has no word for: keys are one character in 16 bits each. */
      insertText: (text) => this.evaluate((inserted) => document.execCommand('insertText', false, inserted), text),
    };
  }

  setDefaultTimeout(timeout) {
    this.#timeout = timeout;
  }

  setViewportSize({ width, height }) {
    return this.#session.setViewport(width, height);
  }

  goto(url) {
    return this.#driver.get(url);
  }

  evaluate(action, given) {
    return this.#driver.executeScript(`return (${action})(...arguments)`, given);
  }

  waitForFunction(condition, given, { timeout = this.#timeout } = {}) {
    return this.until(timeout, 'what was waited for did not happen', async () => {
      const answer = await this.evaluate(condition, given);
      if (!answer) throw new NotYet(`it is ${answer}`);
      return answer;
    });
  }

  locator(css) {
    return new Locator(this, [{ css }]);
  }

  getByTestId(id) {
    return this.locator(`[data-testid="${id}"]`);
  }

  getByText(text) {
    return new Locator(this, [{ text }]);
  }

  /** What is to be seen of it; WebDriver has no word for the rest of the page. */
  async screenshot({ path }) {
    await writeFile(path, await this.#driver.takeScreenshot(), 'base64');
  }

  async close() {
    if (this.#closed) return;
    this.#closed = true;
    await this.#session.end();
  }

  /** Tries until it works, or the time is up. */
  async until(timeout, sentence, attempt) {
    const end = Date.now() + (timeout ?? this.#timeout);
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const mayPass = error instanceof NotYet || passing.some((kind) => error instanceof kind);
        if (!mayPass) throw error;
        if (Date.now() >= end) throw new Error(`${sentence}: ${error.name} ${error.message}`);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, interval);
      });
    }
  }

  find(steps) {
    return this.#driver.executeScript(`return (${found})(...arguments)`, steps);
  }

  #type(text) {
    return this.#driver.actions().sendKeys(text).perform();
  }
}

/** Elements by the way to them, which is gone anew each time. */
class Locator {
  #page;
  #steps;

  constructor(page, steps) {
    this.#page = page;
    this.#steps = steps;
  }

  #then(step) {
    return new Locator(this.#page, [...this.#steps, step]);
  }

  locator = (css) => this.#then({ css });
  getByTestId = (id) => this.locator(`[data-testid="${id}"]`);
  getByText = (text) => this.#then({ text });
  filter = ({ hasText, visible }) => this.#then({ hasText, visible });
  first = () => this.nth(0);
  nth = (index) => this.#then({ index });
  or = (other) => this.#then({ or: other.#steps });

  count = async () => (await this.#page.find(this.#steps)).length;
  isVisible = async () => (await this.filter({ visible: true }).count()) > 0;
  allInnerTexts = async () => {
    const elements = await this.#page.find(this.#steps);
    return Promise.all(elements.map((element) => this.#page.evaluate(({ innerText }) => innerText, element)));
  };

  innerText = () => this.evaluate((element) => element.innerText);
  textContent = () => this.evaluate((element) => element.textContent);
  inputValue = () => this.evaluate((element) => element.value);
  focus = () => this.evaluate((element) => element.focus());
  evaluate = (action) => this.#do('is not there', {}, (element) => this.#page.evaluate(action, element));

  click = () => this.#do('cannot be clicked', { usable: true }, (element) => element.click());
  fill = (text) =>
    this.#do('cannot be filled', { usable: true }, async (element) => {
      await element.clear();
      if (text) await element.sendKeys(text);
    });
  selectOption = (wanted) =>
    this.#do('cannot be selected', { usable: true }, (element) => {
      const select = new Select(element);
      return typeof wanted === 'string' ? select.selectByValue(wanted) : select.selectByVisibleText(wanted.label);
    });

  waitFor({ state = 'visible', timeout } = {}) {
    const all = state === 'visible' || state === 'hidden' ? this.filter({ visible: true }) : this;
    const wanted = state === 'visible' || state === 'attached';
    return this.#page.until(timeout, `${this} is not ${state}`, async () => {
      const count = await all.count();
      if (count > 0 !== wanted) throw new NotYet(`there are ${count}`);
    });
  }

  toString() {
    return JSON.stringify(this.#steps);
  }

  /** With the one element that is meant; two are a mistake of the test. */
  #do(failure, { usable = false }, action) {
    return this.#page.until(undefined, `${this} ${failure}`, async () => {
      const elements = await this.#page.find(usable ? [...this.#steps, { usable }] : this.#steps);
      if (elements.length > 1) throw new Error(`${this} are ${elements.length} elements`);
      if (elements.length === 0) throw new NotYet('there is no such element');
      // WebKit's driver calls fields that are out of sight not interactable.
      if (usable) await this.#page.evaluate(show, elements[0]);
      return action(elements[0]);
    });
  }
}

/** Runs in the page: away from its edges, where something may stand in front of it, and at rest. */
async function show(element) {
  element.scrollIntoView({ block: 'center', behavior: 'instant' });
  const place = () => JSON.stringify(element.getBoundingClientRect());
  for (let before; before !== place(); ) {
    before = place();
    await new Promise(requestAnimationFrame);
  }
}

/** Runs in the page: the elements at the end of a way, in the order of the document. */
function found(steps) {
  const has = (element, text) =>
    element.textContent.replace(/\s+/g, ' ').toLowerCase().includes(text.replace(/\s+/g, ' ').toLowerCase());
  const isVisible = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0 && element.checkVisibility({ visibilityProperty: true });
  };
  const follow = (elements, { css, text, hasText, visible, usable, index, or }) => {
    if (css) return elements.flatMap((element) => [...element.querySelectorAll(css)]);
    if (text) {
      return elements
        .flatMap((element) => [element, ...element.querySelectorAll('*')])
        .filter(
          (element) =>
            !element.closest('head, script, style') &&
            has(element, text) &&
            ![...element.children].some((child) => has(child, text)),
        );
    }
    if (index !== undefined) return elements.slice(index, index + 1);
    if (or) return [...elements, ...walk(or)].sort((one, other) => (one.compareDocumentPosition(other) & 4 ? -1 : 1));
    return elements.filter(
      (element) =>
        (!hasText || has(element, hasText)) &&
        (!(visible || usable) || isVisible(element)) &&
        (!usable || !element.matches(':disabled')),
    );
  };
  const walk = (way) =>
    way.reduce((elements, step) => [...new Set(follow(elements, step))], [document.documentElement]);
  return walk(steps);
}
