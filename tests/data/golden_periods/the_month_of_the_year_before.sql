WITH _grouped AS (
  SELECT
    strftime("bills"."issued", '%Y-%m') AS "month",
    sum("bills"."amount") AS "x",
    min(12 * year("bills"."issued") + month("bills"."issued")) AS "month_number"
  FROM "bills"
  WHERE "bills"."scenario" = 'Actual'
    AND "bills"."kind" = 'Flow'
  GROUP BY 1
)
SELECT
  "month",
  "x",
  max("x") OVER "year_before_month" AS "before",
  CASE WHEN (max("x") OVER "year_before_month") > 0 THEN ("x" - (max("x") OVER "year_before_month")) / (max("x") OVER "year_before_month") END AS "growth",
  "x" - (max("x") OVER "year_before_month") AS "change"
FROM _grouped
WINDOW "along_month" AS (ORDER BY "month"), "year_before_month" AS (ORDER BY "month_number" RANGE BETWEEN 12 PRECEDING AND 12 PRECEDING)
ORDER BY "month" ASC NULLS LAST
LIMIT 200
