SELECT *
FROM (
  SELECT *, FALSE AS "is_total"
  FROM (
    WITH _grouped AS (
      SELECT
        "books"."unit" AS "unit",
        sum("books"."amount") AS "total",
        count(DISTINCT "books"."customer") AS "customers",
        avg("books"."amount") AS "mean"
      FROM "books"
      WHERE "books"."kind" = 'Flow'
        AND "books"."scenario" = 'Actual'
      GROUP BY 1
    )
    SELECT
      "unit",
      "total",
      "customers",
      "mean",
      CASE WHEN sum("total") OVER () > 0 THEN "total" / sum("total") OVER () END AS "share",
      lag("total") OVER "along_unit" AS "before"
    FROM _grouped
    WINDOW "along_unit" AS (ORDER BY "unit")
    ORDER BY "unit" ASC NULLS LAST
    LIMIT 200
  )
  UNION ALL
  SELECT NULL, "total", "customers", "mean", "share", NULL, TRUE
  FROM (
    SELECT
      sum("books"."amount") AS "total",
      count(DISTINCT "books"."customer") AS "customers",
      avg("books"."amount") AS "mean",
      CASE WHEN sum("books"."amount") > 0 THEN sum("books"."amount") / sum("books"."amount") END AS "share"
    FROM "books"
    WHERE "books"."kind" = 'Flow'
      AND "books"."scenario" = 'Actual'
  )
)
ORDER BY "is_total", "unit" ASC NULLS LAST
