/* Entrepot: the script of every page; htmx, Alpine (CSP build) and our own behaviours in one file.
 *
 * Every behaviour listens on the document and looks at data attributes, so what htmx swaps in later works without
 * being set up. The server owns state and text; nothing here builds a screen.
 */
import htmx from "htmx.org";
import "htmx.org/dist/ext/hx-alpine-compat.js";
import Alpine from "@alpinejs/csp";

import { registerComponents } from "./parts/components.js";
import { watchConfirmations, watchDialogs } from "./parts/dialogs.js";
import { watchForms } from "./parts/guard.js";
import { watchLines } from "./parts/lines.js";
import { watchMenus } from "./parts/menus.js";
import { watchPalette } from "./parts/palette.js";
import { watchRequests } from "./parts/requests.js";
import { watchShortcuts } from "./parts/shortcuts.js";
import { watchThemeSwitch } from "./parts/theme-switch.js";
import { watchToasts } from "./parts/toasts.js";

watchRequests(htmx);
watchDialogs();
watchConfirmations();
watchForms();
watchLines(htmx);
watchMenus();
watchPalette();
watchShortcuts();
watchThemeSwitch();
watchToasts();

window.Alpine = Alpine; // hx-alpine-compat looks for it there to keep state through a morph
registerComponents(Alpine);
Alpine.start();
