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
  CASE WHEN sum("rows") OVER () > 0 THEN "rows" / sum("rows") OVER () END AS "share"
FROM _grouped
ORDER BY "flag" ASC NULLS LAST
LIMIT 200
