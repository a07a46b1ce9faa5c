WITH _grouped AS (
  SELECT
    "ledger"."dept" AS "dept",
    "ledger"."account_key" AS "account_key",
    count(*) AS "count"
  FROM "ledger"
  GROUP BY 1, 2
)
SELECT
  "dept",
  "account_key",
  CASE WHEN sum("count") OVER (PARTITION BY "dept") > 0 THEN "count" / sum("count") OVER (PARTITION BY "dept") END AS "share"
FROM _grouped
ORDER BY "dept" ASC NULLS LAST, "share" ASC NULLS LAST, "account_key" ASC NULLS LAST
LIMIT 200
