/** Rows out of what people paste: a table from a sheet, CSV, or JSON. All of it is pure. */

export interface Record_ {
  inputs: Record<string, unknown>
  expectations?: Record<string, unknown>
}

export interface Parsed {
  records: Record_[]
  columns: string[]
  /** Why it is no table; ''. */
  wrong: string
}

/** Columns that say what is expected of an answer, as scorers know it. */
export const EXPECTED = ['expected_response', 'expected_facts', 'guidelines']
const MOST = 10_000

const refused = (wrong: string): Parsed => ({ records: [], columns: [], wrong })

export function parse(text: string): Parsed {
  const given = text.replace(/^\ufeff/, '')
  if (!given.trim()) return refused('')
  const found = /^\s*[[{]/.test(given) ? ofJson(given) : ofTable(given)
  return found.records.length > MOST ? refused(`There are ${found.records.length} rows; ${MOST} are the most here.`) : found
}

function made(rows: readonly Record<string, unknown>[]): Parsed {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const records = rows.map((row) => {
    const apart = (isExpected: boolean) => Object.fromEntries(Object.entries(row).filter(([key, value]) => EXPECTED.includes(key) === isExpected && !(isExpected && value === '')))
    const expectations = apart(true)
    return { inputs: apart(false), ...(Object.keys(expectations).length && { expectations }) }
  })
  return { records, columns, wrong: columns.every((column) => EXPECTED.includes(column)) ? 'No column is an input.' : '' }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function ofJson(text: string): Parsed {
  let values: unknown[]
  try {
    const whole = JSON.parse(text) as unknown
    values = Array.isArray(whole) ? whole : [whole]
  } catch {
    // A line each.
    const lines = text.split('\n').map((line, i) => ({ line: line.trim(), number: i + 1 })).filter(({ line }) => line)
    values = []
    for (const { line, number } of lines) {
      try {
        values.push(JSON.parse(line))
      } catch (error) {
        return refused(`Line ${number} is not JSON: ${(error as Error).message}`)
      }
    }
  }
  const strange = values.findIndex((value) => !isObject(value))
  if (strange >= 0) return refused(`Row ${strange + 1} is not an object, such as {"question": "Why?"}.`)
  const rows = values as Record<string, unknown>[]
  // As data sets have them: inputs and expectations apart.
  return made(rows.map((row) => (isObject(row.inputs) ? { ...row.inputs, ...(isObject(row.expectations) ? row.expectations : {}) } : row)))
}

function ofTable(text: string): Parsed {
  const first = text.split(/\r?\n/, 1)[0]!
  const delimiter = ['\t', ';', ','].find((each) => first.includes(each)) ?? ','
  const lines = cellsOf(text, delimiter)
  if (!lines) return refused('A quote that is opened is not closed.')
  const [head = [], ...rows] = lines
  const columns = head.map((name) => name.trim())
  if (columns.some((name) => !name)) return refused('A column has no name: the first line holds the names of the variables.')
  const twice = columns.find((name, i) => columns.indexOf(name) !== i)
  if (twice) return refused(`Two columns are called ${twice}.`)
  if (!rows.length) return { records: [], columns, wrong: '' }
  const strange = rows.findIndex((row) => row.length !== columns.length)
  if (strange >= 0) return refused(`Row ${strange + 1} has ${rows[strange]!.length} values; there ${columns.length > 1 ? `are ${columns.length} columns` : 'is one column'}.`)
  return made(rows.map((row) => Object.fromEntries(row.map((value, i) => [columns[i]!, value]))))
}

/** As RFC 4180 has it; undefined for a quote without an end. */
function cellsOf(text: string, delimiter: string): string[][] | undefined {
  const lines: string[][] = []
  let [row, cell, quoted] = [[] as string[], '', false]
  const end = () => { row.push(cell); if (row.length > 1 || row[0]!.trim()) lines.push(row); [row, cell] = [[], ''] }
  for (let i = 0; i < text.length; i++) {
    const sign = text[i]!
    if (quoted) {
      if (sign !== '"') cell += sign
      else if (text[i + 1] === '"') cell += text[i++]
      else quoted = false
    } else if (sign === '"' && !cell) quoted = true
    else if (sign === delimiter) { row.push(cell); cell = '' }
    else if (sign === '\n') end()
    else if (sign !== '\r' || text[i + 1] !== '\n') cell += sign
  }
  if (quoted) return undefined
  if (cell || row.length) end()
  return lines
}
