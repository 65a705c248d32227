/** Whether less of a metric is better, told by its name where nobody declared it. */

const FALLS = /(^|[^a-z])(loss|err|error|mse|rmse|mae|mape|smape|ppl|perplexity|time|latency|seconds|duration|cer|wer|nll|entropy|cost|fid|bpb|bpc|miss(es)?|fpr|fnr)([^a-z]|$)/i

export const lessIsBetter = (metric: string): boolean =>
  FALLS.test(metric.replace(/([a-z])([A-Z])/g, '$1_$2').replace(/_/g, ' '))
