SELECT DISTINCT
  "ledger"."dept" AS "dept",
  "ledger"."account_key" AS "account_key"
FROM "ledger"
ORDER BY "dept" ASC NULLS LAST, "account_key" ASC NULLS LAST
LIMIT 3
