-- A subscriber at its cheapest: read a hundred events behind a position, move the position
BEGIN;
SELECT p.seq AS s FROM w.position p WHERE p.id = 1 FOR UPDATE \gset
SELECT o.id, o.topic, o.body, o.at FROM w.outbox o WHERE o.id > :s ORDER BY o.id LIMIT 100;
UPDATE w.position SET seq = (seq + 100) % 20000 WHERE id = 1;
COMMIT;
