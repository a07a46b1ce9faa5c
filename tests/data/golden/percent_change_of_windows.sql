WITH _grouped AS (
  SELECT
    strftime("ledger"."posted", '%Y-%m') AS "month",
    count(*) AS "count"
  FROM "ledger"
  GROUP BY 1
)
SELECT
  "month",
  CASE WHEN (sum("count") OVER ("along_month" ROWS UNBOUNDED PRECEDING)) > 0 THEN (("count" + 1) - (sum("count") OVER ("along_month" ROWS UNBOUNDED PRECEDING))) / (sum("count") OVER ("along_month" ROWS UNBOUNDED PRECEDING)) END AS "x"
FROM _grouped
WINDOW "along_month" AS (ORDER BY "month")
ORDER BY "month" ASC NULLS LAST
LIMIT 200
