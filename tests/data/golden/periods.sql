SELECT
  strftime("ledger"."posted", '%Y-%m') AS "month",
  sum("ledger"."amount") AS "total",
  count(*) FILTER (WHERE (("ledger"."at" >= DATE '2024-01-01' AND "ledger"."at" < DATE '2024-01-31' + 1) OR ("ledger"."at" >= DATE '2024-03-31' AND "ledger"."at" < DATE '2024-03-31' + 1))) AS "some"
FROM "ledger"
WHERE "ledger"."posted" BETWEEN DATE '2024-01-01' AND DATE '2024-03-31'
GROUP BY 1
ORDER BY "month" ASC NULLS LAST
LIMIT 200
