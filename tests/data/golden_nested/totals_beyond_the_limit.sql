SELECT *
FROM (
  SELECT *, FALSE AS "is_total_"
  FROM (
    WITH _base AS (
      SELECT
        strftime("books"."posted", '%Y-%m') AS "month",
        sum("books"."amount") AS "is_total"
      FROM "books"
      WHERE "books"."kind" = 'Flow'
        AND "books"."scenario" = 'Actual'
      GROUP BY 1
    ),
    _parts_1 AS (
      SELECT
        strftime("books"."posted", '%Y-%m') AS "month",
        "books"."unit" AS "per_1",
        sum("books"."amount") AS "figure"
      FROM "books"
      WHERE "books"."kind" = 'Flow'
        AND "books"."scenario" = 'Actual'
      GROUP BY 1, 2
    ),
    _over_1 AS (
      SELECT "month", avg("figure") AS "avg"
      FROM _parts_1
      GROUP BY 1
    ),
    _grouped AS (
      SELECT _base."month", "is_total", "avg"
      FROM _base
      JOIN _over_1 ON _base."month" IS NOT DISTINCT FROM _over_1."month"
    )
    SELECT
      "month",
      "is_total",
      "avg" AS "mean"
    FROM _grouped
    ORDER BY "is_total" DESC NULLS LAST, "month" ASC NULLS LAST
    LIMIT 1
  )
  UNION ALL
  SELECT NULL, "is_total", "mean", TRUE
  FROM (
    WITH _base AS (
      SELECT
        sum("books"."amount") AS "is_total"
      FROM "books"
      WHERE "books"."kind" = 'Flow'
        AND "books"."scenario" = 'Actual'
    ),
    _parts_1 AS (
      SELECT
        "books"."unit" AS "per_1",
        sum("books"."amount") AS "figure"
      FROM "books"
      WHERE "books"."kind" = 'Flow'
        AND "books"."scenario" = 'Actual'
      GROUP BY 1
    ),
    _over_1 AS (
      SELECT avg("figure") AS "avg"
      FROM _parts_1
    ),
    _grouped AS (
      SELECT "is_total", "avg"
      FROM _base
      JOIN _over_1 ON TRUE
    )
    SELECT
      "is_total",
      "avg" AS "mean"
    FROM _grouped
  )
)
ORDER BY "is_total_", "is_total" DESC NULLS LAST, "month" ASC NULLS LAST
