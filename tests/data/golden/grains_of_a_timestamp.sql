SELECT
  CAST("ledger"."at" AS DATE) AS "on",
  count(*) AS "rows"
FROM "ledger"
GROUP BY 1
ORDER BY "on" ASC NULLS LAST
LIMIT 200
