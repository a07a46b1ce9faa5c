SELECT
  "accounts"."account" AS "account",
  sum("ledger"."amount") AS "total"
FROM "ledger"
JOIN "accounts" ON "ledger"."account_key" = "accounts"."account_key"
GROUP BY 1
ORDER BY "account" ASC NULLS LAST
LIMIT 200
