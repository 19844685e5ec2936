-- The import as plain SQL: COPY has filled w.import_row; everything else is set-based, in one transaction
BEGIN;
CREATE TEMP TABLE fresh ON COMMIT DROP AS
    SELECT document, min(at) AS at, sum(price * qty) AS net, sum(price * qty / 10) AS tax, nextval('w.import_id') AS id
    FROM w.import_row GROUP BY document;
INSERT INTO w.sale_order (id, customer_id, state, net, tax, created_at) OVERRIDING SYSTEM VALUE
    SELECT id, 1, 'paid', net, tax, at FROM fresh;
INSERT INTO w.sale_line (order_id, product_id, qty, price, tax)
    SELECT f.id, r.product, r.qty, r.price, r.price * r.qty / 10 FROM w.import_row r JOIN fresh f USING (document);
UPDATE w.stock s SET on_hand = s.on_hand - t.qty
    FROM (SELECT product, sum(qty) AS qty FROM w.import_row GROUP BY product) t WHERE s.product_id = t.product;
INSERT INTO w.stock_ledger (product_id, order_id, qty, at)
    SELECT r.product, f.id, -r.qty, f.at FROM w.import_row r JOIN fresh f USING (document);
INSERT INTO w.payment (invoice_id, amount, at) SELECT id, net + tax, at FROM fresh;
INSERT INTO w.journal_entry (id, kind, ref_id, date) OVERRIDING SYSTEM VALUE
    SELECT id * 2, 'sale', id, at::date FROM fresh UNION ALL SELECT id * 2 + 1, 'cost', id, at::date FROM fresh;
INSERT INTO w.journal_line (entry_id, account_id, debit, credit, party_id)
    SELECT id * 2, 5, net + tax, 0, NULL::int FROM fresh UNION ALL SELECT id * 2, 2, 0, net, NULL FROM fresh
    UNION ALL SELECT id * 2, 4, 0, tax, NULL FROM fresh UNION ALL SELECT id * 2 + 1, 7, net / 2, 0, NULL FROM fresh
    UNION ALL SELECT id * 2 + 1, 8, 0, net / 2, NULL FROM fresh;
INSERT INTO w.outbox (topic, body) SELECT x, jsonb_build_object('order', id, 'net', net, 'tax', tax)
    FROM fresh, unnest(ARRAY['order.completed', 'stock.consumed']) x;
COMMIT;
