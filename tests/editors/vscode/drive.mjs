// Drives VS Code in headless Chromium, one window a page. Reads a JSON command a line, answers with a JSON line.
// usage: node drive.mjs DIR      DIR is where setup.sh put playwright-core
// A command is {"do": NAME, "window": NAME, ...}; the answer {"value": ...} or {"error": TEXT}.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { chromium } = createRequire(`${process.argv[2]}/`)("playwright-core");
// Grey text in the cursor's line comes in pieces, one a token; further lines of it are lines of their own.
const IN_LINE = ".ghost-text-decoration, .ghost-text-decoration-preview";
const BELOW = ".ghost-text .view-line, .suggest-preview-text .view-line";
const STATUS = '.statusbar-item[id*="slm.status"]';

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const windows = new Map();
const plain = (text) => text.replaceAll("\u00a0", " ");

const actions = {
  async open({ window, url }) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
    windows.set(window, page);
    await page.goto(url, { waitUntil: "domcontentloaded" });
    await page.waitForSelector(".monaco-workbench .statusbar", { timeout: 90000 });
  },
  async focus(page, { at = "Control+End" }) {
    await page.waitForSelector(".monaco-editor .view-line", { timeout: 60000 });
    await page.locator(".editor-instance .view-lines").first().click();
    await page.keyboard.press(at);
  },
  /** The end of the first cell of a notebook. */
  async cell(page) {
    await page.waitForSelector(".notebookOverlay .cell .monaco-editor .view-line", { timeout: 60000 });
    await page.locator(".notebookOverlay .cell .monaco-editor .view-lines").first().click();
    await page.keyboard.press("Control+End");
  },
  type: (page, { text, delay = 20 }) => page.keyboard.type(text, { delay }),
  press: (page, { key }) => page.keyboard.press(key),
  /** The grey text, as soon as there is some and it is not `other`; null after `ms`. */
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
  ghostGone: (page, { ms = 5000 }) => page.locator(IN_LINE).first().waitFor({ state: "detached", timeout: ms }),
  /** The status item: what it shows and what it says when asked. */
  async status(page) {
    const item = page.locator(STATUS).first();
    await item.waitFor({ timeout: 60000 });
    const label = await item.evaluate((node) => node.querySelector("[aria-label]")?.getAttribute("aria-label") ?? node.getAttribute("aria-label"));
    return { text: plain((await item.textContent()) ?? "").trim(), says: label };
  },
  statusClick: (page) => page.locator(`${STATUS} a`).first().click(),
  async entries(page, { ms = 10000 }) {
    await page.waitForSelector(".quick-input-widget .monaco-list-row", { timeout: ms });
    return (await page.locator(".quick-input-widget .monaco-list-row .label-name").allTextContents()).map(plain);
  },
  notices: async (page) => (await page.locator(".notification-list-item-message").allTextContents()).map(plain),
  button: (page, { label }) => page.locator(".notification-toast .monaco-button", { hasText: label }).first().click(),
  async command(page, { title }) {
    await page.keyboard.press("F1");
    await page.waitForSelector(".quick-input-widget input", { timeout: 10000 });
    await page.keyboard.type(title);
    await page.waitForTimeout(400);
    await page.keyboard.press("Enter");
  },
  /** What the editor shows, line by line, grey text included. */
  lines: async (page) => (await page.locator(".editor-instance .view-line").allTextContents()).map(plain),
  /** The visible lines of the panel at the bottom: the log. */
  panel: async (page) => (await page.locator(".part.panel .view-line").allTextContents()).map(plain),
  screenshot: (page, { path }) => page.screenshot({ path }),
  wait: (page, { ms }) => page.waitForTimeout(ms),
  async close(page, { window }) {
    windows.delete(window);
    await page.close();
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    const page = windows.get(command.window);
    const value = command.do === "open" ? await actions.open(command) : await actions[command.do](page, command);
    answer = { value: value ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
