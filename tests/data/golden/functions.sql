SELECT
  "ledger"."dept" AS "dept",
  count(*) AS "rows",
  count("ledger"."units") AS "filled",
  count(DISTINCT "ledger"."account_key") AS "accounts",
  sum("ledger"."amount") AS "total",
  avg("ledger"."amount") AS "mean",
  min("ledger"."amount") AS "low",
  max("ledger"."amount") AS "high",
  median("ledger"."amount") AS "middle",
  min("ledger"."posted") AS "first"
FROM "ledger"
GROUP BY 1
ORDER BY "dept" ASC NULLS LAST
LIMIT 200
