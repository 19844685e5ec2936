/* The till without network: keeps the page and the files it names, and answers with them when nobody else does.
 *
 * The server puts `self.KEPT = {page, files}` in front. The page is asked for first and kept when it came, so that a
 * new version arrives with the connection; files carry a hash in their name and are kept as they are. What the API
 * says is never kept here: what a till sells from is in its own database.
 */
const { page, files } = self.KEPT;
const CACHE = `till ${page} ${files.join(" ")}`;
const PATIENCE_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      await cache.addAll(files);
      await keep(cache, await fetch(page, { credentials: "same-origin" }));
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter((name) => name.startsWith(`till ${page} `) && name !== CACHE);
      await Promise.all(old.map((name) => caches.delete(name)));
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.method !== "GET") return;
  if (event.request.mode === "navigate" && pathname === page) event.respondWith(pageOrKept(event.request));
  else if (pathname.includes("/static/")) event.respondWith(keptOrFile(event.request));
});

async function pageOrKept(request) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.status < 500) {
      await keep(cache, answer.clone());
      return answer;
    }
    return (await cache.match(page)) ?? answer;
  } catch (error) {
    const kept = await cache.match(page);
    if (kept) return kept;
    throw error;
  }
}

async function keptOrFile(request) {
  const kept = await (await caches.open(CACHE)).match(request, { ignoreVary: true });
  return kept ?? fetch(request);
}

// A redirect to the log-in page is no till.
async function keep(cache, answer) {
  if (answer.ok && !answer.redirected && answer.type === "basic") await cache.put(page, withoutVary(answer));
}

function withoutVary(answer) {
  const headers = new Headers(answer.headers);
  headers.delete("vary");
  return new Response(answer.body, { status: answer.status, headers });
}
