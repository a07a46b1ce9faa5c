SELECT
  "ledger"."account_key" AS "account_key",
  count("ledger"."account_key") AS "rows"
FROM "ledger"
LEFT JOIN "accounts" ON "ledger"."account_key" = "accounts"."account_key"
GROUP BY 1
ORDER BY "account_key" ASC NULLS LAST
LIMIT 200
