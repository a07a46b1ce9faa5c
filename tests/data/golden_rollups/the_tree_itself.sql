SELECT DISTINCT
  "chart"."account_key" AS "account_key"
FROM "chart"
WHERE "chart"."account" = 'Costs'
ORDER BY "account_key" ASC NULLS LAST
LIMIT 200
