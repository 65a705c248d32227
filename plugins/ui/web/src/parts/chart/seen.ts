/** Whether an element is near what is seen, and how wide it is. */
import type { RefObject } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'

const NEAR = 120

/** True while an element is in sight, or close to it. */
export function useSeen(ref: RefObject<HTMLElement | null>): boolean {
  const [seen, setSeen] = useState(false)
  useLayoutEffect(() => {
    const element = ref.current
    if (!element) return
    // The observer tells a frame or two later; what is in the window now is worth asking for now.
    const { top, bottom } = element.getBoundingClientRect()
    if (bottom > top && bottom > -NEAR && top < innerHeight + NEAR) setSeen(true)
    const watch = new IntersectionObserver((entries) => setSeen(entries.at(-1)!.isIntersecting), { rootMargin: `${NEAR}px` })
    watch.observe(element)
    return () => watch.disconnect()
  }, [])
  return seen
}

export interface Size {
  width: number
  height: number
}

export function useSize(ref: RefObject<HTMLElement | null>): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const element = ref.current
    if (!element) return
    const look = () => {
      const { clientWidth: width, clientHeight: height } = element
      setSize((now) => (now.width === width && now.height === height ? now : { width, height }))
    }
    look()
    const watch = new ResizeObserver(look)
    watch.observe(element)
    return () => watch.disconnect()
  }, [])
  return size
}

/** Draw on a canvas of a size, sharp on every screen, when something that it depends on changes. */
export function usePainted(canvas: RefObject<HTMLCanvasElement | null>, size: Size | undefined, draw: (pen: CanvasRenderingContext2D) => void, deps: readonly unknown[]): void {
  useLayoutEffect(() => {
    const element = canvas.current
    if (!element || !size?.width || !size.height) return
    const frame = requestAnimationFrame(() => {
      const scale = devicePixelRatio || 1
      const [wide, tall] = [Math.round(size.width * scale), Math.round(size.height * scale)]
      if (element.width !== wide || element.height !== tall) {
        element.width = wide
        element.height = tall
        element.style.width = `${size.width}px`
        element.style.height = `${size.height}px`
      }
      const pen = element.getContext('2d')
      if (!pen) return
      pen.setTransform(scale, 0, 0, scale, 0, 0)
      pen.clearRect(0, 0, size.width, size.height)
      draw(pen)
    })
    return () => cancelAnimationFrame(frame)
  }, [size, ...deps])
}
