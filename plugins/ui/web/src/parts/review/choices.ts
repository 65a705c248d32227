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

/** The forms of answers that a question can have, in words. */
export const FORMS = { pass_fail: 'yes or no', one: 'one of some options', several: 'several of some options', numeric: 'a number', text: 'a text' }
export type Form = keyof typeof FORMS

/** What answers look like, as a form was filled in; or what is wrong with it. */
export function inputOf(form: Form, given: (key: string) => string): Input | string {
  if (form === 'text') return { text: {} }
  if (form === 'pass_fail') {
    const [positive_label, negative_label] = [given('positive'), given('negative')]
    return positive_label && negative_label && positive_label !== negative_label ? { pass_fail: { positive_label, negative_label } } : 'Passed and failed need a name each.'
  }
  if (form === 'numeric') {
    const [min_value, max_value] = [Number(given('least') || NaN), Number(given('most') || NaN)]
    return min_value < max_value ? { numeric: { min_value, max_value } } : 'The numbers need a smaller one to begin with and a greater one to end with.'
  }
  const options = [...new Set(given('options').split(',').map((each) => each.trim()).filter(Boolean))]
  return options.length > 0 && options.length <= 10 ? { categorical: { options, multi_select: form === 'several' } } : `There are 1 to 10 options, not ${options.length}.`
}

/** A form of answers in words. */
export function wordsFor({ pass_fail: two, categorical, numeric }: Input): string {
  if (two) return `${two.positive_label} or ${two.negative_label}`
  if (categorical) return `${categorical.multi_select ? 'several of' : 'one of'} ${(categorical.options ?? []).join(', ')}`
  return numeric ? `a number${numeric.min_value === undefined ? '' : ` from ${numeric.min_value}`}${numeric.max_value === undefined ? '' : ` to ${numeric.max_value}`}` : 'a text'
}
