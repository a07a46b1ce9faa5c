WITH _grouped AS (
  SELECT
    CAST(date_trunc('week', "bills"."issued") AS DATE) AS "week",
    sum("bills"."amount") AS "sum_amount"
  FROM "bills"
  WHERE "bills"."scenario" = 'Actual'
    AND "bills"."kind" = 'Flow'
  GROUP BY 1
)
SELECT
  "week",
  max("sum_amount") OVER "year_before_week" AS "before"
FROM _grouped
WINDOW "along_week" AS (ORDER BY "week"), "year_before_week" AS (ORDER BY "week" RANGE BETWEEN INTERVAL 364 DAY PRECEDING AND INTERVAL 364 DAY PRECEDING)
ORDER BY "week" ASC NULLS LAST
LIMIT 200
