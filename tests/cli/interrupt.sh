#!/bin/sh
# Ctrl-C ends any phase with 130 and leaves nothing behind.
. "$(dirname "$0")/harness.sh"
cp "$root/examples/fashion/fashion.onnx" net.onnx

"$hone" bench net.onnx --duration 60 >out 2>err &
pid=$!
sleep 1
kill -INT "$pid"
code=0
wait "$pid" || code=$?
[ "$code" -eq 130 ] || fault "an interrupted bench ended with $code: $(cat err)"
silent out
[ "$(ls)" = "$(printf 'err\nnet.onnx\nout')" ] || fault "left behind: $(ls)"

"$hone" bench net.onnx --duration 60 >out 2>err &
pid=$!
sleep 1
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
[ "$code" -eq 130 ] || fault "a terminated bench ended with $code"
finish
