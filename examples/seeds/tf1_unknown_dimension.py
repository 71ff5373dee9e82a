# Mended: the session was written tf.Session, without parentheses.
import tensorcore.tf.compat.v1 as tf

a = tf.placeholder(shape=(None, 2), dtype=tf.int32, name='a')
with tf.Session() as sess:
    print('--[[1, 2]]를 대입 --')
    print('a = ', sess.run(a, feed_dict={a: [[1, 2]]}))
    print('\n-- [[1, 2], [3, 4]]를 대입 --')
    print('a = ', sess.run(a, feed_dict={a: [[1,2], [3, 4]]}))
