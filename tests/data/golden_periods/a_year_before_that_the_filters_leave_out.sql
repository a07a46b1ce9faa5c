WITH _grouped AS (
  SELECT
    year("bills"."issued") AS "year",
    sum("bills"."amount") AS "sum_amount"
  FROM "bills"
  WHERE "bills"."scenario" = 'Actual'
    AND "bills"."kind" = 'Flow'
    AND "bills"."issued" BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'
  GROUP BY 1
)
SELECT
  "year",
  max("sum_amount") OVER "year_before_year" AS "before"
FROM _grouped
WINDOW "along_year" AS (ORDER BY "year"), "year_before_year" AS (ORDER BY "year" RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING)
ORDER BY "year" ASC NULLS LAST
LIMIT 200
