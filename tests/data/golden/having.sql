SELECT
  "ledger"."dept" AS "dept",
  sum("ledger"."amount") AS "total",
  max("ledger"."posted") AS "last"
FROM "ledger"
GROUP BY 1
HAVING sum("ledger"."amount") BETWEEN 5 AND 300.00
  AND max("ledger"."posted") >= DATE '2024-04-01'
  AND sum("ledger"."amount") <> 7
ORDER BY "dept" ASC NULLS LAST
LIMIT 200
