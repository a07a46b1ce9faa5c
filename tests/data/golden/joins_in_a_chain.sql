SELECT
  "account_groups"."group_name" AS "group",
  sum("ledger"."amount") AS "total"
FROM "ledger"
JOIN "accounts" ON "ledger"."account_key" = "accounts"."account_key"
JOIN "account_groups" ON "accounts"."group_key" = "account_groups"."group_key"
GROUP BY 1
ORDER BY "group" ASC NULLS LAST
LIMIT 200
