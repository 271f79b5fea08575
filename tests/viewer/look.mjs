// Opens one page in a browser, waits until it has drawn, writes what it shows, and says what its console said.
// One argument, JSON: browser, profile, url, screenshot, width, height, seconds, ready (an expression, may be "").
import { chromium } from "playwright-core";

const wanted = JSON.parse(process.argv[2]);
const context = await chromium.launchPersistentContext(wanted.profile, {
  executablePath: wanted.browser,
  headless: true,
  chromiumSandbox: false,
  viewport: { width: wanted.width, height: wanted.height },
  deviceScaleFactor: 1,
  timeout: wanted.seconds * 1000,
  args: [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const said = [];
const failed = [];
let late = "";
let shown = null;
try {
  // Nothing outside this machine is asked for anything: a page that wants it is told no, and the test hears of it.
  await context.route(
    (url) => !["127.0.0.1", "localhost"].includes(url.hostname) && url.protocol.startsWith("http"),
    (route) => {
      failed.push(`not on this machine: ${route.request().url()}`);
      return route.abort();
    },
  );
  const page = context.pages()[0] ?? (await context.newPage());
  page.on("console", (message) => said.push({ type: message.type(), text: message.text() }));
  page.on("pageerror", (error) => said.push({ type: "error", text: String(error) }));
  // A worker or a module that is not there says nothing in the console.
  page.on("response", (response) => {
    if (response.status() >= 400) failed.push(`${response.status()} ${response.url()}`);
  });
  page.on("crash", () => said.push({ type: "error", text: "the page crashed" }));
  await page.goto(wanted.url, { timeout: wanted.seconds * 1000 });
  try {
    if (wanted.ready) await page.waitForFunction(wanted.ready, null, { timeout: wanted.seconds * 1000 });
    await page.waitForLoadState("networkidle", { timeout: wanted.seconds * 1000 });
  } catch (error) {
    late = String(error).split("\n")[0];
  }
  // Tiles fade in: the picture is taken when two in a row are the same.
  let last = await page.screenshot();
  for (let count = 0; count < 20; count += 1) {
    await page.waitForTimeout(250);
    const next = await page.screenshot({ path: wanted.screenshot });
    if (next.equals(last)) break;
    last = next;
  }
  shown = await page.evaluate("window.shown ?? null");
} finally {
  await context.close();
}
process.stdout.write(JSON.stringify({ console: said, failed, late, shown }));
