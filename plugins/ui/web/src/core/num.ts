/** A number as the data endpoints send it: JSON has no NaN and no infinity. */
export type Num = number | 'NaN' | 'Infinity' | '-Infinity' | null

export const num = (value: Num | undefined): number | null =>
  value === null || value === undefined ? null : typeof value === 'number' ? value : Number(value)
