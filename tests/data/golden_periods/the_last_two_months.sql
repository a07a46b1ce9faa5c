SELECT
  sum("bills"."amount") AS "x"
FROM "bills"
WHERE "bills"."scenario" = 'Actual'
  AND "bills"."kind" = 'Flow'
  AND ("bills"."issued" >= date_trunc('month', CAST((SELECT max("bills"."issued") FROM "bills" WHERE "bills"."scenario" = 'Actual'   AND "bills"."kind" = 'Flow') AS DATE)) - INTERVAL 1 MONTH AND "bills"."issued" < date_trunc('month', CAST((SELECT max("bills"."issued") FROM "bills" WHERE "bills"."scenario" = 'Actual'   AND "bills"."kind" = 'Flow') AS DATE)) + INTERVAL 1 MONTH)
LIMIT 200
