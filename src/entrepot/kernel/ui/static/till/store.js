/* What a till keeps in this browser: the catalogue, parked sales, sales that are not synced, and the last ones that are.
 *
 * One database per tenant and business entity, so that nobody's sales go to somebody else's books. All tabs share it.
 */
const STORES = { facts: null, parked: "id", outbox: "client_id", done: "client_id" };

export class Store {
  static async open(name) {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => {
      for (const [store, keyPath] of Object.entries(STORES)) {
        opening.result.createObjectStore(store, keyPath ? { keyPath } : undefined);
      }
    };
    return new Store(name, await answered(opening));
  }

  constructor(name, db) {
    this.name = name;
    this.db = db;
    this.channel = new BroadcastChannel(name);
  }

  get(store, key) {
    return answered(this.db.transaction(store).objectStore(store).get(key));
  }

  all(store) {
    return answered(this.db.transaction(store).objectStore(store).getAll());
  }

  put(store, value, key) {
    return this.change([store], (stores) => stores[store].put(value, key));
  }

  remove(store, key) {
    return this.change([store], (stores) => stores[store].delete(key));
  }

  /** Several changes, all or nothing; the other tabs hear of them once they are on the disk. */
  async change(names, work) {
    const transaction = this.db.transaction(names, "readwrite", { durability: "strict" });
    const ended = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
    work(Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])));
    await ended;
    this.channel.postMessage("changed");
    this.changed?.();
  }

  /** Calls back after every change, in this tab or another. */
  watch(changed) {
    this.changed = changed;
    this.channel.addEventListener("message", changed);
  }
}

function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
