WITH _grouped AS (
  SELECT
    "bills"."client" AS "client",
    year("bills"."issued") || '-Q' || quarter("bills"."issued") AS "quarter",
    sum("bills"."amount") AS "sum_amount",
    min(4 * year("bills"."issued") + quarter("bills"."issued")) AS "quarter_number"
  FROM "bills"
  WHERE "bills"."scenario" = 'Actual'
    AND "bills"."kind" = 'Flow'
  GROUP BY 1, 2
)
SELECT
  "client",
  "quarter",
  max("sum_amount") OVER "year_before_quarter" AS "before"
FROM _grouped
WINDOW "along_quarter" AS (PARTITION BY "client" ORDER BY "quarter"), "year_before_quarter" AS (PARTITION BY "client" ORDER BY "quarter_number" RANGE BETWEEN 4 PRECEDING AND 4 PRECEDING)
ORDER BY "client" ASC NULLS LAST, "quarter" ASC NULLS LAST
LIMIT 200
