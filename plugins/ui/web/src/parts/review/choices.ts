/** What can be answered to a question, and which questions are asked. */

export interface Input {
  pass_fail?: { positive_label: string; negative_label: string }
  categorical?: { options?: string[]; multi_select?: boolean }
  numeric?: { min_value?: number; max_value?: number }
  text?: { max_length?: number }
}

export interface Choice {
  label: string
  value: boolean | number | string
}

const MOST_NUMBERS = 11

/** The answers that have a button each; none where one types. */
export function choicesOf({ pass_fail: two, categorical, numeric }: Input): Choice[] {
  if (two) return [{ label: two.positive_label, value: true }, { label: two.negative_label, value: false }]
  if (categorical) return (categorical.options ?? []).map((each) => ({ label: each, value: each }))
  const { min_value: least = NaN, max_value: most = NaN } = numeric ?? {}
  if (!Number.isInteger(least) || !Number.isInteger(most) || most - least >= MOST_NUMBERS) return []
  return Array.from({ length: most - least + 1 }, (_, n) => ({ label: String(least + n), value: least + n }))
}

/** Those of a queue; without one, or in that of a user, all but the one that the free form answers. */
export const asked = <T extends { schema_id: string; is_default?: boolean }>(all: readonly T[], ids: readonly string[]): T[] =>
  [...all].reverse().filter((each) => (ids.length ? ids.includes(each.schema_id) : !each.is_default))
