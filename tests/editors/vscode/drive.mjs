// Drives VS Code in headless Chromium; each window is a page. Reads one JSON command per line and answers with one JSON
// line. Usage: node drive.mjs DIR, where DIR is the folder into which setup.sh installed playwright-core.
// A command is {"do": NAME, "window": NAME, ...}; the answer is {"value": ...} or {"error": TEXT}.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { chromium } = createRequire(`${process.argv[2]}/`)("playwright-core");
// Ghost text in the cursor's line consists of several elements; each further line of it is a line of the editor.
const IN_LINE = ".ghost-text-decoration, .ghost-text-decoration-preview";
const BELOW = ".ghost-text .view-line, .suggest-preview-text .view-line";
const STATUS = '.statusbar-item[id*="slm.status"]';

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
// All windows share one context, because VS Code keeps state in the browser's storage.
const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
const windows = new Map();
const TIMEOUT_MS = 120000; // VS Code starts in 5 s on two idle cores
const plain = (text) => text.replaceAll("\u00a0", " ");

/** Commands that open and close windows. */
const management = {
  async open({ window, url }) {
    const page = await context.newPage();
    windows.set(window, page);
    page.setDefaultTimeout(TIMEOUT_MS);
    await page.goto(url, { waitUntil: "domcontentloaded", timeout: TIMEOUT_MS });
    await page.waitForSelector(".monaco-workbench .statusbar");
  },
  async clear({ path }) {
    for (const [name, page] of windows) {
      await page.screenshot({ path: `${path} ${name}.png` });
      await page.close();
    }
    windows.clear();
  },
  async close({ window }) {
    await windows.get(window)?.close();
    windows.delete(window);
  },
};
/** Commands for one window. */
const actions = {
  async focus(page, { at = "Control+End" }) {
    await page.waitForSelector(".monaco-editor .view-line");
    await page.locator(".editor-instance .view-lines").first().click();
    await page.keyboard.press(at);
  },
  /** Moves the cursor to the end of the first cell of a notebook. */
  async cell(page) {
    await page.waitForSelector(".notebookOverlay .cell .monaco-editor .view-line");
    await page.locator(".notebookOverlay .cell .monaco-editor .view-lines").first().click();
    await page.keyboard.press("Control+End");
  },
  type: (page, { text, delay = 20 }) => page.keyboard.type(text, { delay }),
  press: (page, { key }) => page.keyboard.press(key),
  /** Waits for ghost text that differs from `other` and returns it; null after `ms`. */
  async ghost(page, { ms = 30000, other = "" }) {
    const began = Date.now();
    for (;;) {
      const first = (await page.locator(IN_LINE).allTextContents()).join("");
      const text = plain([first, ...(await page.locator(BELOW).allTextContents())].join("\n"));
      if (text.trim() !== "" && text !== other) return text;
      if (Date.now() - began > ms) return null;
      await page.waitForTimeout(20);
    }
  },
  ghostGone: (page, { ms = 60000 }) => page.locator(IN_LINE).first().waitFor({ state: "detached", timeout: ms }),
  /** Returns the text and the tooltip of the status item. */
  async status(page) {
    const item = page.locator(STATUS).first();
    await item.waitFor();
    const label = await item.evaluate((node) => node.querySelector("[aria-label]")?.getAttribute("aria-label") ?? node.getAttribute("aria-label"));
    return { text: plain((await item.textContent()) ?? "").trim(), tooltip: label };
  },
  statusClick: (page) => page.locator(`${STATUS} a`).first().click(),
  async entries(page) {
    await page.waitForSelector(".quick-input-widget .monaco-list-row");
    return (await page.locator(".quick-input-widget .monaco-list-row .label-name").allTextContents()).map(plain);
  },
  notices: async (page) => (await page.locator(".notification-list-item-message").allTextContents()).map(plain),
  button: (page, { label }) => page.locator(".notification-toast .monaco-button", { hasText: label }).first().click(),
  /** Opens a file from the explorer, in the editor that VS Code selects for it. */
  explorer: (page, { file }) => page.locator(".explorer-folders-view .monaco-list-row", { hasText: file }).first().dblclick(),
  async command(page, { title }) {
    await page.keyboard.press("F1");
    await page.waitForSelector(".quick-input-widget input");
    await page.keyboard.type(title);
    await page.waitForTimeout(400);
    await page.keyboard.press("Enter");
  },
  /** Presses a key. Returns the milliseconds from its event to the first frame with ghost text; null after `ms`. */
  async keyToGhost(page, { key, ms = 30000 }) {
    await page.evaluate(
      ([selector, timeout]) => {
        const pressed = new Promise((resolve) => {
          const onKeydown = () => resolve(performance.now());
          document.addEventListener("keydown", onKeydown, { once: true, capture: true });
        });
        // Checking in every animation frame would force Chromium to draw each frame, which slows down the model.
        globalThis.ghostAfter = pressed.then(
          (began) =>
            new Promise((resolve) => {
              const observer = new MutationObserver(() => {
                if (document.querySelector(selector) === null) return;
                observer.disconnect();
                requestAnimationFrame(() => resolve(performance.now() - began));
              });
              observer.observe(document.body, { childList: true, subtree: true });
              setTimeout(() => resolve(null), timeout);
            }),
        );
      },
      [IN_LINE, ms],
    );
    await page.keyboard.press(key);
    return page.evaluate(() => globalThis.ghostAfter);
  },
  /**
   * Types. Returns for each key the milliseconds from its event to the end of the frame that shows it. The intervals
   * between the keys vary: with a constant interval, all keys could come at the same point of a frame (60 per second).
   */
  async typed(page, { text, delay }) {
    await page.evaluate(() => {
      globalThis.waits = [];
      globalThis.onKeydown = () => {
        const began = performance.now();
        requestAnimationFrame(() => setTimeout(() => globalThis.waits.push(performance.now() - began)));
      };
      document.addEventListener("keydown", globalThis.onKeydown, { capture: true });
    });
    const began = Date.now();
    for (const [index, character] of [...text].entries()) {
      await page.waitForTimeout(Math.max(0, began + index * delay + ((index * 7) % 17) - Date.now()));
      if (character === "\n") await page.keyboard.press("Enter");
      else await page.keyboard.type(character);
    }
    await page.waitForTimeout(500);
    return page.evaluate(() => {
      document.removeEventListener("keydown", globalThis.onKeydown, { capture: true });
      return globalThis.waits;
    });
  },
  /** Presses the key for an edit and gives an instruction; empty: repeats the last one. */
  async instruct(page, { text }) {
    await page.keyboard.press("Alt+i");
    await page.waitForSelector(".quick-input-widget input");
    await page.keyboard.type(text);
    await page.waitForTimeout(400);
    await page.keyboard.press("Enter");
  },
  /** Chooses a code action at the cursor with the keyboard. */
  async codeAction(page, { label }) {
    await page.keyboard.press("Control+.");
    await page.locator(".action-widget .monaco-list-row", { hasText: label }).first().waitFor();
    const focused = page.locator(".action-widget .monaco-list-row.focused", { hasText: label });
    for (let tries = 0; tries < 20 && (await focused.count()) === 0; tries += 1) {
      await page.keyboard.press("ArrowDown");
      await page.waitForTimeout(50);
    }
    await page.keyboard.press("Enter");
  },
  /** Returns the proposed lines that are shown below the old lines, one text per hunk. */
  zones: async (page) => (await page.locator(".review-widget .comment-body").allInnerTexts()).map((text) => plain(text).trim()),
  /** Clicks a button in the title bar above the proposed lines of a hunk. */
  zoneButton: (page, { label, index = 0 }) => page.locator(`.review-widget .head a[aria-label^="${label}"]`).nth(index).click(),
  /** Returns the texts of the actions and results above the hunks. */
  lenses: async (page) => (await page.locator(".codelens-decoration").allInnerTexts()).map(plain),
  lens: (page, { label, index = 0 }) => page.locator(".codelens-decoration a", { hasText: label }).nth(index).click(),
  /** Returns the number of visible lines that are highlighted as removed. */
  removed: (page) => page.locator('.view-overlays .cdr[class*="TextEditorDecorationType"]').count(),
  /** Returns the visible lines of both sides of a diff editor. */
  diff: async (page) => (await page.locator(".monaco-diff-editor .view-line").allTextContents()).map(plain),
  /** Returns the visible lines of the editor, including ghost text. */
  lines: async (page) => (await page.locator(".editor-instance .view-line").allTextContents()).map(plain),
  /** Returns the visible lines of the panel at the bottom, which shows the log. */
  panel: async (page) => (await page.locator(".part.panel .view-line").allTextContents()).map(plain),
  screenshot: (page, { path }) => page.screenshot({ path }),
  wait: (page, { ms }) => page.waitForTimeout(ms),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    const manage = management[command.do];
    const value = await (manage ? manage(command) : actions[command.do](windows.get(command.window), command));
    answer = { value: value ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
