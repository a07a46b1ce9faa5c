SELECT
  "ledger"."dept" AS "dept",
  sum("ledger"."amount") AS "total"
FROM "ledger"
GROUP BY 1
ORDER BY "total" DESC NULLS LAST, "dept" ASC NULLS LAST
LIMIT 2
