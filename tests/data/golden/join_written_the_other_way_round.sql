SELECT
  sum("ledger"."amount") AS "total"
FROM "ledger"
JOIN "accounts" ON "ledger"."account_key" = "accounts"."account_key"
LIMIT 200
