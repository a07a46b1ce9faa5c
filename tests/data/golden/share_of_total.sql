WITH _grouped AS (
  SELECT
    "ledger"."flag" AS "flag",
    count(*) AS "rows"
  FROM "ledger"
  GROUP BY 1
)
SELECT
  "flag",
  "rows",
  "rows" / nullif(sum("rows") OVER (), 0) AS "share"
FROM _grouped
ORDER BY "flag" ASC NULLS LAST
LIMIT 200
