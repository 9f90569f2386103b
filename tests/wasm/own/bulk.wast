;; Bulk operations on memory: what the specification's files at hand leave out. Core specification
;; 2.0, section 4.4.7: nothing is written by an operation that traps, a range of length 0 may end at
;; the size but not beyond.

(module
  (memory 1 2)
  (data $passive "\01\02\03\04")
  (data (i32.const 8) "\aa\bb\cc\dd")

  (func (export "init") (param i32 i32 i32)
    (memory.init $passive (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (data.drop $passive))
  (func (export "copy") (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "fill") (param i32 i32 i32)
    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))

(assert_return (invoke "load" (i32.const 8)) (i32.const 0xddccbbaa))
(invoke "init" (i32.const 65532) (i32.const 0) (i32.const 4))
(assert_return (invoke "load" (i32.const 65532)) (i32.const 0x04030201))
(invoke "init" (i32.const 0) (i32.const 1) (i32.const 2))
(assert_return (invoke "load" (i32.const 0)) (i32.const 0x0302))
(assert_return (invoke "init" (i32.const 65536) (i32.const 4) (i32.const 0)))
(assert_trap (invoke "init" (i32.const 65537) (i32.const 0) (i32.const 0)) "out of bounds memory access")
(assert_trap (invoke "init" (i32.const 0) (i32.const 5) (i32.const 0)) "out of bounds memory access")
(assert_trap (invoke "init" (i32.const 65533) (i32.const 0) (i32.const 4)) "out of bounds memory access")
(assert_trap (invoke "init" (i32.const 0) (i32.const 1) (i32.const 4)) "out of bounds memory access")
(assert_trap (invoke "init" (i32.const 0) (i32.const 2) (i32.const -1)) "out of bounds memory access")
(assert_trap (invoke "init" (i32.const -4) (i32.const 0) (i32.const 4)) "out of bounds memory access")
(invoke "drop")
(assert_return (invoke "init" (i32.const 0) (i32.const 0) (i32.const 0)))
(assert_trap (invoke "init" (i32.const 0) (i32.const 0) (i32.const 1)) "out of bounds memory access")
(invoke "drop")

;; The ends of a copy overlap in both directions; the last bytes of memory take part.
(invoke "copy" (i32.const 10) (i32.const 8) (i32.const 4))
(assert_return (invoke "load" (i32.const 8)) (i32.const 0xbbaabbaa))
(assert_return (invoke "load" (i32.const 10)) (i32.const 0xddccbbaa))
(invoke "copy" (i32.const 8) (i32.const 10) (i32.const 4))
(assert_return (invoke "load" (i32.const 8)) (i32.const 0xddccbbaa))
(invoke "copy" (i32.const 65532) (i32.const 8) (i32.const 4))
(assert_return (invoke "load" (i32.const 65532)) (i32.const 0xddccbbaa))
(assert_return (invoke "copy" (i32.const 65536) (i32.const 65536) (i32.const 0)))
(assert_trap (invoke "copy" (i32.const 65533) (i32.const 8) (i32.const 4)) "out of bounds memory access")
(assert_trap (invoke "copy" (i32.const 8) (i32.const 65533) (i32.const 4)) "out of bounds memory access")
(assert_trap (invoke "copy" (i32.const 65537) (i32.const 0) (i32.const 0)) "out of bounds memory access")
(assert_trap (invoke "copy" (i32.const 0) (i32.const 65537) (i32.const 0)) "out of bounds memory access")
(assert_trap (invoke "copy" (i32.const -1) (i32.const -1) (i32.const 2)) "out of bounds memory access")
(assert_trap (invoke "copy" (i32.const 0) (i32.const 0) (i32.const -1)) "out of bounds memory access")

(invoke "fill" (i32.const 65535) (i32.const 0x155) (i32.const 1))
(assert_return (invoke "load" (i32.const 65532)) (i32.const 0x55ccbbaa))
(assert_return (invoke "fill" (i32.const 65536) (i32.const 1) (i32.const 0)))
(assert_trap (invoke "fill" (i32.const 65537) (i32.const 1) (i32.const 0)) "out of bounds memory access")
(assert_trap (invoke "fill" (i32.const 65535) (i32.const 1) (i32.const 2)) "out of bounds memory access")
(assert_trap (invoke "fill" (i32.const 0) (i32.const 1) (i32.const -1)) "out of bounds memory access")

;; What is granted later takes part and is zero.
(assert_return (invoke "grow" (i32.const 1)) (i32.const 1))
(assert_return (invoke "load" (i32.const 65536)) (i32.const 0))
(invoke "fill" (i32.const 65534) (i32.const 7) (i32.const 4))
(assert_return (invoke "load" (i32.const 65534)) (i32.const 0x07070707))
(assert_return (invoke "fill" (i32.const 131072) (i32.const 7) (i32.const 0)))
(assert_trap (invoke "fill" (i32.const 131071) (i32.const 7) (i32.const 2)) "out of bounds memory access")
(assert_return (invoke "grow" (i32.const 1)) (i32.const -1))

;; An active segment behaves as if it were copied and dropped.
(module
  (memory 1)
  (data $active (i32.const 0) "abcd")
  (func (export "init") (param i32) (memory.init $active (i32.const 0) (i32.const 0) (local.get 0))))
(assert_return (invoke "init" (i32.const 0)))
(assert_trap (invoke "init" (i32.const 1)) "out of bounds memory access")
