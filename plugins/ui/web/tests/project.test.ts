import { expect, it } from 'vitest'
import { counted, firstShown, firstTask, projectOf, spanOf, workflowOf } from '../src/pages/project/record'
import { linesOf, printed } from '../src/pages/project/lines'

const task = (label: string, state: string, more = {}) => ({ task: label, state, run_id: 'r', reason: '', attempts: 1, began: 1000, ended: 3000, ...more })
const RECORD = {
  workflow: 'churn', uri: '/somewhere', parameters: { rows: 10, name: 'x' },
  steps: [
    { step: 'load', needs: [], state: 'unchanged', reason: '', tasks: [task('load', 'unchanged')] },
    { step: 'train', needs: ['load'], state: 'running', reason: '', tasks: [task('train[1]', 'finished'), task('train[2]', 'running', { began: 2000, ended: null })] },
    { step: 'best', needs: ['train', 'nobody'], state: 'later', reason: '', tasks: [] },
  ],
}

it('a record tells steps and tasks, and of what is over nothing runs', () => {
  const live = workflowOf(JSON.stringify(RECORD), true)!
  expect(live.steps.map((step) => step.state)).toEqual(['kept', 'running', 'waiting'])
  expect(live.parameters).toEqual([['rows', '10'], ['name', 'x']])
  expect(firstShown(live.steps).name).toBe('train')
  expect(firstTask(live.steps[1]!.tasks)!.label).toBe('train[2]')
  expect([spanOf(live.steps[1]!, 9000), spanOf(live.steps[2]!, 9000)]).toEqual([8000, null])
  expect(counted(live.steps[1]!.tasks)).toBe('1 done, 1 running')
  expect(workflowOf(JSON.stringify(RECORD), false)!.steps[1]!.state).toBe('killed')
})

it('what is not a record is none, and odd values in one do no harm', () => {
  for (const text of ['', '[]', '{"steps": []}', '{"steps": [{"step": 3}]}', 'null']) expect(workflowOf(text, true), text).toBeUndefined()
  for (const text of ['', '{}', '{"command": 3}']) expect(projectOf(text), text).toBeUndefined()
  const odd = workflowOf('{"steps": [{"step": "a", "needs": "b", "tasks": [null, {"task": "a", "began": "x", "state": ["<b>"]}]}, {"step": "a"}]}', true)!
  expect(odd.steps).toHaveLength(1)
  expect(odd.steps[0]!.tasks.map((each) => [each.label, each.state, each.began])).toEqual([['', 'waiting', null], ['a', 'waiting', null]])
  expect(projectOf('{"command": "python a.py", "uri": "", "ended": {"exit_code": 0, "cpu_seconds": 1.5, "log": "complete"}}')!.facts).toEqual([['exit code', '0'], ['cpu seconds', '1.5']])
})

it('a log is shown as a terminal leaves it, from its first whole line on', () => {
  expect(printed('\x1b[31mred\x1b[0m\r\n1%\r50%\r100%\ndone\r')).toBe('red\n100%\ndone')
  const bytes = new TextEncoder().encode('f of a line\nwhole\n')
  expect(linesOf({ bytes, end: 100 })).toEqual({ text: 'whole\n', cut: 12 })
  expect(linesOf({ bytes, end: bytes.length })).toEqual({ text: 'f of a line\nwhole\n', cut: 0 })
})
