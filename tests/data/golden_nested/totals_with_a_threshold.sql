SELECT *
FROM (
  SELECT *, FALSE AS "is_total"
  FROM (
    WITH _grouped AS (
      SELECT
        strftime("books"."posted", '%Y-%m') AS "month",
        sum("books"."amount") AS "sum_amount"
      FROM "books"
      WHERE "books"."kind" = 'Flow'
        AND "books"."scenario" = 'Actual'
      GROUP BY 1
    ), _figures AS (
      SELECT
        "month",
        sum("sum_amount") OVER ("along_month" ROWS UNBOUNDED PRECEDING) AS "x"
      FROM _grouped
      WINDOW "along_month" AS (ORDER BY "month")
    )
    SELECT *
    FROM _figures
    WHERE "x" > 20
    ORDER BY "month" ASC NULLS LAST
    LIMIT 200
  )
  UNION ALL
  SELECT NULL, NULL, TRUE
)
ORDER BY "is_total", "month" ASC NULLS LAST
