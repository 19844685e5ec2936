/* What every htmx request carries and how its failures show.
 *
 * The token of <meta name="csrf"> goes along as X-CSRF-Token. A 409 and a 422 are answers to show (the form again,
 * with its errors) and are swapped; the other failures leave the screen alone and say so in a toast, unless the
 * response brought its own in HX-Trigger.
 */
import { text } from "./texts.js";
import { showToast } from "./toasts.js";

const KEEP_THE_SCREEN = [204, 304, 400, 401, 403, 404, 405, 410, 413, 429, "5xx"];
const REASON = { 401: "forbidden", 403: "forbidden", 404: "gone", 410: "gone", 429: "tooMany" };

export function watchRequests(htmx) {
  htmx.config.noSwap = KEEP_THE_SCREEN;
  document.addEventListener("htmx:config:request", (event) => {
    const token = csrfToken();
    if (token) event.detail.ctx.request.headers["X-CSRF-Token"] = token;
  });
  document.addEventListener("htmx:response:error", (event) => {
    const { ctx } = event.detail;
    const { status, headers } = ctx.response;
    const shown = (status === 409 || status === 422) && ctx.swap !== "none";
    if (shown || headers.get("HX-Trigger")?.includes("toast")) return;
    showToast({ text: text(REASON[status] ?? "failed"), tone: "danger" });
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx && !event.detail.ctx.response) showToast({ text: text("slow"), tone: "danger" });
  });
}

export function csrfToken() {
  return document.querySelector('meta[name="csrf"]')?.content ?? "";
}
