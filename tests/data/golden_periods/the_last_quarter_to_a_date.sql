SELECT
  sum("bills"."amount") AS "x"
FROM "bills"
WHERE "bills"."scenario" = 'Actual'
  AND "bills"."kind" = 'Flow'
  AND ("bills"."at" >= date_trunc('quarter', DATE '2024-02-10') - INTERVAL 0 MONTH AND "bills"."at" < date_trunc('quarter', DATE '2024-02-10') + INTERVAL 3 MONTH)
LIMIT 200
